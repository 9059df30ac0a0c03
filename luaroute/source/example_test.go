package source_test

import (
	"context"
	"fmt"

	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// shelf is a source whose scripts and modules are in memory. A plugin registers such a type as a Caddy module
// luaroute.sources.shelf.
type shelf struct {
	scripts []source.Script
	modules map[string]string
}

func (s shelf) Scripts(context.Context) ([]source.Script, error) { return s.scripts, nil }

func (s shelf) Module(_ context.Context, _, name string) (*source.Script, error) {
	code, ok := s.modules[name]
	if !ok {
		return nil, nil // another source may have it
	}
	return &source.Script{Name: name + ".lua", Code: []byte(code)}, nil
}

// A source says which scripts run, and finds the modules that they require.
func ExampleSource() {
	ctx := context.Background()
	set := source.Set{
		shelf{scripts: []source.Script{{Name: "main.lua", Code: []byte(`require("auth")`)}}},
		shelf{modules: map[string]string{"auth": "return {}"}},
	}
	scripts, err := set.Scripts(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range scripts {
		fmt.Printf("%s: %s\n", s.Name, s.Code)
	}
	for _, name := range []string{"auth", "nothing", "../secret"} {
		module, err := set.Module(ctx, "main.lua", name)
		switch {
		case err != nil:
			fmt.Println(err)
		case module == nil:
			fmt.Println("there is no module", name)
		default:
			fmt.Printf("%s: %s\n", module.Name, module.Code)
		}
	}
	// Output:
	// main.lua: require("auth")
	// auth.lua: return {}
	// there is no module nothing
	// module name "../secret": expected words with dots between them, such as auth.tokens
}

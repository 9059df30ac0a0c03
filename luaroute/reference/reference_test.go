package reference_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	_ "github.com/luaroute/caddy-luaroute/luaroute" // the libraries
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// same reports names that only one of code and description has, and those that are described twice.
func same(t *testing.T, what string, docs []vm.Doc, live []string) {
	t.Helper()
	var described []string
	for _, doc := range docs {
		if slices.Contains(described, doc.Name) {
			t.Errorf("%s: %s is described twice", what, doc.Name)
		}
		described = append(described, doc.Name)
		if !slices.Contains(live, doc.Name) {
			t.Errorf("%s: %s is described, but there is no such thing", what, doc.Name)
		}
	}
	for _, name := range live {
		if !slices.Contains(described, name) {
			t.Errorf("%s: nothing describes %s", what, name)
		}
	}
	if len(live) == 0 {
		t.Errorf("%s: there is nothing in it, so the test looks in the wrong place", what)
	}
}

func TestEachFunctionOfALibraryIsDescribedAndEachDescriptionIsOfOne(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	for _, info := range caddy.GetModules("luaroute.libs") {
		name := info.ID.Name()
		lib := r.Library(name)
		if lib == nil || lib.Bare || lib.Link != "lua.md#"+name {
			t.Errorf("%s: got %+v", name, lib)
			continue
		}
		table := info.New().(vm.Library).Open(vm.NewBuilder(nil, vm.Options{}).State().L).(*lua.LTable)
		var live []string
		table.ForEach(func(k, v lua.LValue) {
			live = append(live, k.String())
			i := slices.IndexFunc(lib.Docs, func(d vm.Doc) bool { return d.Name == k.String() })
			if i >= 0 && (lib.Docs[i].Type == "") != (v.Type() == lua.LTFunction) {
				t.Errorf("%s.%s is a %s, and described as something else", name, k, v.Type())
			}
		})
		same(t, name, lib.Docs, live)
	}
}

// each visits all descriptions, with a name for errors.
func each(r *reference.Reference, visit func(where string, doc vm.Doc)) {
	for _, lib := range r.Libraries {
		for _, doc := range lib.Docs {
			visit(lib.Name+"."+doc.Name, doc)
		}
	}
	for where, docs := range map[string][]vm.Doc{
		"_G": r.Globals, "defined": r.Defined, "globals of tests": r.TestGlobals, "router of tests": r.TestRouter,
	} {
		for _, doc := range docs {
			visit(where+"."+doc.Name, doc)
		}
	}
	for _, table := range r.Tables {
		for _, doc := range table.Fields {
			visit(table.Name+"."+doc.Name, doc)
		}
	}
	for _, class := range r.Classes {
		for _, doc := range class.Fields {
			visit(class.Name+"."+doc.Name, doc)
		}
		for _, doc := range class.Methods {
			visit(class.Name+":"+doc.Name, doc)
		}
	}
}

// standard reports whether a name is that of something as in Lua 5.1, which needs no text.
func standard(where string) bool {
	return slices.Contains(strings.Fields(lua51), strings.TrimPrefix(where, "_G."))
}

func TestEachDescriptionCanBeReadAndNamesTypesThatThereAre(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	known := func(where string) func(string) {
		return func(name string) {
			if r.Class(name) == nil {
				t.Errorf("%s: there is no type %s", where, name)
			}
		}
	}
	read := func(where, text string) {
		if parsed, err := signature.Parse(text); err != nil {
			t.Errorf("%s: %s", where, err)
		} else {
			parsed.Names(known(where))
		}
	}
	count := 0
	each(r, func(where string, doc vm.Doc) {
		count++
		if doc.Text == "" && !standard(where) {
			t.Errorf("%s: there is no text", where)
		}
		if doc.Type != "" {
			if doc.Args+doc.Returns != "" {
				t.Errorf("%s is both a field and a function", where)
			}
			read(where, doc.Type)
			return
		}
		read(where, fmt.Sprintf("fun(%s): (%s)", doc.Args, doc.Returns))
	})
	seen := map[string]bool{}
	for _, class := range r.Classes {
		if class.Text == "" {
			t.Errorf("%s: there is no text", class.Name)
		}
		if class.Alias != "" {
			read(class.Name, class.Alias)
		}
		if class.Keys != "" {
			read(class.Name, "{"+class.Keys+"}")
		}
		if class.Of != "" {
			known(class.Name)(class.Of)
		}
		if seen[class.Name] {
			t.Errorf("%s is described twice", class.Name)
		}
		seen[class.Name] = true
	}
	if count < 400 {
		t.Errorf("there are only %d descriptions", count)
	}
}

// plain is a library that does not describe itself, and broken one that cannot be opened before it is provisioned.
type (
	plain  struct{}
	broken struct{}
)

func (plain) Open(L *lua.LState) lua.LValue {
	t := L.NewTable()
	t.RawSetString("go", vm.GoFunc(func(*lua.LState) int { return 0 }))
	t.RawSetString("answer", lua.LNumber(42))
	return t
}

func (broken) Open(*lua.LState) lua.LValue { panic("not provisioned") }

func TestALibraryThatDoesNotDescribeItselfHasItsNames(t *testing.T) {
	t.Parallel()
	want := []vm.Doc{{Name: "answer", Type: "any"}, {Name: "go", Args: "...: any", Returns: "...: any"}}
	if got := reference.Of(map[string]vm.Library{"plain": plain{}}).Library("plain"); got == nil || !got.Bare || !slices.Equal(got.Docs, want) {
		t.Errorf("got %+v", got)
	}
	if got := reference.Of(map[string]vm.Library{"broken": broken{}}).Library("broken"); got == nil || !got.Bare || len(got.Docs) != 0 {
		t.Errorf("got %+v", got)
	}
}

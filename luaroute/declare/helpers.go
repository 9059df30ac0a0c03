package declare

import (
	"fmt"
	"os"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// env is route.env(name): nil if the variable is not set.
func env(r *router, L *lua.LState) int {
	name := L.CheckString(1)
	check(L, r.load.envAllowed(name))
	if v, ok := os.LookupEnv(name); ok {
		L.Push(lua.LString(v))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// envAllowed is route.env(name).
func (l *load) envAllowed(name string) error {
	if err := l.options.Capabilities.Placeholder("env." + name); err != nil {
		return err
	}
	if slices.Contains(l.options.Env, name) {
		return nil
	}
	if len(l.options.Env) == 0 {
		return fmt.Errorf("env %q: the configuration allows no variables; list them in env", name)
	}
	return fmt.Errorf("env %q: the configuration allows %s", name, strings.Join(l.options.Env, ", "))
}

// onLoad is route.on_load(fn): it runs when all scripts have run, and its error fails the load.
func onLoad(r *router, L *lua.LState) int {
	r.load.onLoad = append(r.load.onLoad, L.CheckFunction(1))
	return 0
}

// readFile is route.read(file): the bytes of a data file beside the script.
func readFile(r *router, L *lua.LState) int {
	data, err := r.load.data(L, L.CheckString(1))
	check(L, err)
	L.Push(lua.LString(data))
	return 1
}

// data returns a file beside the script that runs.
func (l *load) data(L *lua.LState, name string) ([]byte, error) {
	return l.options.Sources.Data(l.ctx, here(L, "", "").Script, name)
}

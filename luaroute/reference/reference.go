// Package reference gathers what describes all that scripts can use: the globals of the sandbox, what require returns, and the types that
// these name. Each description is beside the code that it describes, as vm.Doc and vm.Class; here they are put together. Only commands and
// tests use it, nothing that serves requests.
package reference

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Reference is all that scripts can use.
type Reference struct {
	// Globals are what scripts find without require, but for the libraries among them.
	Globals []vm.Doc
	// Tables are those libraries: string, table, … Their functions are fields.
	Tables []vm.Class
	// Absent is what Lua 5.1 has and scripts have not, such as io.open, with the reason.
	Absent []vm.Doc
	// Defined are globals that scripts may define for others to call.
	Defined []vm.Doc
	// Libraries are what require returns, besides the router, sorted by name.
	Libraries []Library
	// Classes are the types that descriptions name.
	Classes []vm.Class
	// TestGlobals are the globals, and TestRouter the methods of the router, that only files of tests have.
	TestGlobals, TestRouter []vm.Doc
}

// InTests returns the reference for files of tests.
func (r *Reference) InTests() *Reference {
	tests := *r
	tests.Globals = slices.Clone(r.TestGlobals)
	for _, doc := range r.Globals {
		if !slices.ContainsFunc(r.TestGlobals, func(own vm.Doc) bool { return own.Name == doc.Name }) {
			tests.Globals = append(tests.Globals, doc)
		}
	}
	tests.Classes = slices.Clone(r.Classes)
	router := tests.Router()
	router.Methods = slices.Concat(router.Methods, r.TestRouter)
	return &tests
}

// Router returns the type of what require returns for ModuleName.
func (r *Reference) Router() *vm.Class { return r.Class(declare.RouterName) }

// ModuleName is what scripts require for the router.
const ModuleName = declare.ModuleName

// Library is what require returns for a name.
type Library struct {
	Name string
	// Link is where it is described, as that of a class; empty for one of somebody else.
	Link string
	// Docs describe what is in it.
	Docs []vm.Doc
	// Bare says that it does not describe itself: Docs are names only.
	Bare bool
}

// Library returns a library, nil if there is none of the name.
func (r *Reference) Library(name string) *Library {
	for i := range r.Libraries {
		if r.Libraries[i].Name == name {
			return &r.Libraries[i]
		}
	}
	return nil
}

// Class returns a type, nil if there is none of the name.
func (r *Reference) Class(name string) *vm.Class {
	for i := range r.Classes {
		if r.Classes[i].Name == name {
			return &r.Classes[i]
		}
	}
	return nil
}

// Build returns the reference of what is compiled into the program that runs: our own libraries, and those of plugins.
func Build() *Reference { return Of(Compiled()) }

// Compiled returns the libraries that are compiled into the program that runs, by their names. They are not provisioned.
func Compiled() map[string]vm.Library {
	libraries := map[string]vm.Library{}
	for _, info := range caddy.GetModules(namespace) {
		if lib, ok := info.New().(vm.Library); ok {
			libraries[info.ID.Name()] = lib
		}
	}
	return libraries
}

// Of returns the reference for scripts that have these libraries.
func Of(libraries map[string]vm.Library) *Reference {
	r := &Reference{
		Absent: stdlib.Absent(), Defined: legacy.Defined(), TestGlobals: simulate.Globals(), TestRouter: simulate.Router(),
		Classes: slices.Concat(declare.Classes(), hook.Classes(), request.Classes(), simulate.Classes(), legacy.Classes()),
	}
	r.Globals, r.Tables = stdlib.Docs()
	r.Globals = append(r.Globals, legacy.Docs()...)
	slices.SortFunc(r.Globals, byName)
	for i := range r.Tables {
		r.Tables[i].Link = "lua.md#standard-libraries"
		r.Tables[i].Fields = slices.SortedFunc(slices.Values(r.Tables[i].Fields), byName)
	}
	for _, name := range slices.Sorted(maps.Keys(libraries)) {
		r.add(name, libraries[name])
	}
	return r
}

// namespace is where the libraries are among Caddy's modules.
const namespace = "luaroute.libs"

// add adds a library.
func (r *Reference) add(name string, lib vm.Library) {
	of := reflect.TypeOf(lib)
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	own := Library{Name: name}
	if strings.HasPrefix(of.PkgPath(), ours) {
		own.Link = "lua.md#" + name
	}
	if described, ok := lib.(vm.Documented); ok {
		own.Docs = described.Docs()
	} else {
		own.Bare, own.Docs = true, names(lib)
	}
	if classified, ok := lib.(vm.Classified); ok {
		for _, class := range classified.Classes() {
			if class.Link == "" {
				class.Link = own.Link
			}
			r.Classes = append(r.Classes, class)
		}
	}
	r.Libraries = append(r.Libraries, own)
}

// ours is what the packages of this module begin with.
var ours = func() string {
	path := reflect.TypeFor[Reference]().PkgPath()
	return strings.TrimSuffix(path, "reference")
}()

// names returns what is in a library that does not describe itself. It is not provisioned, so that it may fail to open: then there are none.
func names(lib vm.Library) (docs []vm.Doc) {
	defer func() {
		if recover() != nil {
			docs = nil
		}
	}()
	table, _ := lib.Open(vm.NewBuilder(nil, vm.Options{}).State().L).(*lua.LTable)
	if table == nil {
		return nil
	}
	table.ForEach(func(k, v lua.LValue) {
		if name, ok := k.(lua.LString); ok {
			doc := vm.Doc{Name: string(name), Args: "...: any", Returns: "...: any"}
			if v.Type() != lua.LTFunction {
				doc = vm.Doc{Name: string(name), Type: "any"}
			}
			docs = append(docs, doc)
		}
	})
	slices.SortFunc(docs, byName)
	return docs
}

func byName(a, b vm.Doc) int { return strings.Compare(a.Name, b.Name) }

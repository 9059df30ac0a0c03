package vm

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Described is GoFunc with a description, whose names of parameters are in the errors about arguments.
func Described(fn lua.LGFunction, doc Doc) *lua.LFunction { return described(fn, doc, 0) }

// Method is Described for a function whose first argument is the object that stands before the colon.
func Method(fn lua.LGFunction, doc Doc) *lua.LFunction { return described(fn, doc, 1) }

func described(fn lua.LGFunction, doc Doc, objects int) *lua.LFunction {
	return gopher.Tagged(protectDescribed(fn), parameters{doc.Args, objects})
}

// parameters are those of a described function: Doc.Args, and how many arguments come before these.
type parameters struct {
	args    string
	objects int
}

// parameterOf returns the name of a parameter of a function of Go that was called with so many arguments, or "" if that is not known.
func parameterOf(f *gopher.Frame, number, arguments int) string {
	if codeOf(f.Fn) != describedCode {
		return ""
	}
	p := gopher.TagOf(f.Fn).(parameters)
	params, err := signature.Params(p.args)
	if err != nil {
		return ""
	}
	number -= p.objects
	given := signature.Arrange(params, max(arguments-p.objects, number))
	if number < 1 || number > len(given) || given[number-1].Name == signature.Variadic {
		return ""
	}
	return given[number-1].Name
}

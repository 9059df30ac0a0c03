package script

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestAProgramKeepsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	p, err := Compile("main.lua", []byte("local a = 1\nreturn function(b) "+strings.Repeat("a = a + b ", 50)+"return function() return a, 'text' end end"))
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	var check func(*lua.FunctionProto)
	check = func(f *lua.FunctionProto) {
		functions++
		spare := cap(f.Code) - len(f.Code) + cap(f.Constants) - len(f.Constants) + cap(f.FunctionPrototypes) - len(f.FunctionPrototypes) +
			cap(f.DbgSourcePositions) - len(f.DbgSourcePositions) + cap(f.DbgLocals) - len(f.DbgLocals) +
			cap(f.DbgCalls) - len(f.DbgCalls) + cap(f.DbgUpvalues) - len(f.DbgUpvalues)
		if spare != 0 || len(f.Code) == 0 {
			t.Errorf("line %d: room for %d more, and %d instructions", f.LineDefined, spare, len(f.Code))
		}
		for _, inner := range f.FunctionPrototypes {
			check(inner)
		}
	}
	check(p.Proto)
	if functions != 3 {
		t.Errorf("there are %d functions", functions)
	}
}

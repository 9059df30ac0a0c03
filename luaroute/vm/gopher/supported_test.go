package gopher

import (
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// newer is a table of another version of gopher-lua.
type newer struct {
	Metatable lua.LValue
	array     []lua.LValue
	strdict   map[string]*lua.LValue
	dict      map[lua.LValue]lua.LValue
	keys      []lua.LValue
}

func TestAnotherLayoutOfGopherLuaIsSeen(t *testing.T) {
	t.Parallel()
	_ = newer{nil, nil, nil, nil, nil}
	table, thread, program := reflect.TypeFor[lua.LTable](), reflect.TypeFor[lua.LState](), reflect.TypeFor[lua.FunctionProto]()
	if err := layoutOf(table, thread, program).err; err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		table, thread, program reflect.Type
		want                   string
	}{
		{reflect.TypeFor[newer](), thread, program, "no field strdict in gopher.newer"},
		{thread, thread, program, "no field array in lua.LState"},
		{table, table, program, "no field reg in lua.LTable"},
		{table, thread, table, "no field stringConstants in lua.LTable"},
	} {
		if err := layoutOf(row.table, row.thread, row.program).err; err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
	if err := sameFields(reflect.TypeFor[newer](), reflect.TypeFor[Frame]()); err == nil {
		t.Error("frames of another kind pass")
	}
}

func TestTheVersionOfGopherLuaIsNamed(t *testing.T) {
	t.Parallel()
	if err := Supported(); err != nil {
		t.Fatal(err)
	}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.0":                              {Deps: []*debug.Module{{Path: "x", Version: "v1.0.0"}, {Path: module, Version: "v1.2.0"}}},
		"v1.1.2 (replaced by other/lua v1.3)": {Deps: []*debug.Module{{Path: module, Version: "v1.1.2", Replace: &debug.Module{Path: "other/lua", Version: "v1.3"}}}},
		"of an unknown version":               {},
	} {
		if got := builtWith(info, true); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := builtWith(nil, false); got != "of an unknown version" {
		t.Errorf("got %s", got)
	}
}

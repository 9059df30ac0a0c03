package log_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	lualog "github.com/luaroute/caddy-luaroute/luaroute/lib/log"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// run runs a script and returns what it has logged at a level or above.
func run(t *testing.T, level zapcore.Level, code string) ([]observer.LoggedEntry, error) {
	t.Helper()
	core, logs := observer.New(level)
	b := vm.NewBuilder(stdlib.Open, vm.Options{Logger: zap.New(core), Libraries: map[string]vm.Library{"log": lualog.Library{}}})
	p, err := script.Compile("main.lua", []byte("local log = require('log')\n"+code))
	if err != nil {
		t.Fatal(err)
	}
	err = b.Run(p)
	return logs.All(), err
}

func TestALineHasItsLevelMessagePlaceAndFields(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		code  string
		level zapcore.Level
		want  map[string]any
	}{
		{"log.debug('m')", zap.DebugLevel, nil},
		{"log.info('m')", zap.InfoLevel, nil},
		{"log.warn('m', {})", zap.WarnLevel, nil},
		{"log.error('m', { s = 'x', n = 1.5, yes = true })", zap.ErrorLevel, map[string]any{"s": "x", "n": 1.5, "yes": true}},
		{
			"log.info('m', { list = { 1, 'a' }, object = { a = {} } })", zap.InfoLevel,
			map[string]any{"list": json.RawMessage(`[1,"a"]`), "object": json.RawMessage(`{"a":{}}`)},
		},
		{"log.info('m', { 'first' })", zap.InfoLevel, map[string]any{"1": "first"}},
	} {
		t.Run(row.code, func(t *testing.T) {
			t.Parallel()
			entries, err := run(t, zap.DebugLevel, "\n"+row.code)
			if err != nil || len(entries) != 1 {
				t.Fatalf("got %v, %v", entries, err)
			}
			want := map[string]any{"script": "main.lua:3"}
			for k, v := range row.want {
				want[k] = v
			}
			e := entries[0]
			if e.Level != row.level || e.Message != "m" || !reflect.DeepEqual(e.ContextMap(), want) {
				t.Errorf("got %v %q %v; want %v %v", e.Level, e.Message, e.ContextMap(), row.level, want)
			}
		})
	}
}

func TestAFieldThatHasNoJSONFormIsStillLogged(t *testing.T) {
	t.Parallel()
	entries, err := run(t, zap.InfoLevel, "log.info('m', { f = print, t = { print } })")
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v", entries, err)
	}
	for _, name := range []string{"f", "t"} {
		if v := entries[0].ContextMap()[name]; v == nil || fmt.Sprint(v) == "" {
			t.Errorf("the field %s is %v", name, v)
		}
	}
}

func TestALevelThatIsOffWritesNothing(t *testing.T) {
	t.Parallel()
	entries, err := run(t, zap.WarnLevel, "log.debug('a') log.info('b') log.warn('c')")
	if err != nil || len(entries) != 1 || entries[0].Message != "c" {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestAScriptThatLogsTooMuchIsToldSoOnce(t *testing.T) {
	t.Parallel()
	const told = "the script logs too much for one request; the rest is left out"
	for _, row := range []struct {
		name, code string
		most       int
	}{
		{"many lines", "for i = 1, 5000 do log.info('m') end", vm.MaxLogged / 256},
		{"many lines that are printed", "for i = 1, 5000 do print('m') end", vm.MaxLogged / 256},
		{"long lines", "local long = ('x'):rep(100 * 1024) for i = 1, 10 do log.info(long) end", 2},
		{"long lines that are printed", "local long = ('x'):rep(100 * 1024) for i = 1, 10 do print(long) end", 2},
		{"long fields", "local long = ('x'):rep(100 * 1024) for i = 1, 10 do log.info('m', { long = long }) end", 2},
		{"many fields", "local t = {} for i = 1, 30000 do t[i] = i end log.info('m', t) log.info('m', { t })", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			entries, err := run(t, zap.InfoLevel, row.code)
			if err != nil || len(entries) != row.most+1 {
				t.Fatalf("got %d lines, %v; want %d and a warning", len(entries), err, row.most)
			}
			for i, e := range entries {
				if (e.Message == told) != (i == row.most) {
					t.Errorf("line %d is %.100q", i, e.Message)
				}
			}
			if place := entries[row.most].ContextMap()["script"]; place != "main.lua:2" {
				t.Errorf("the warning is about %v", place)
			}
		})
	}
}

func TestAWrongCallRaisesAtEveryLevel(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ code, want string }{
		{"log.info()", "main.lua:2: bad argument #1 to 'info' (string expected, got no value)"},
		{"log.debug('m', 'x')", "main.lua:2: bad argument #2 to 'debug' (table expected, got string)"},
		{"log.trace('m')", "main.lua:2: attempt to call field 'trace' (a nil value)"},
	} {
		if _, err := run(t, zap.ErrorLevel, row.code); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.code, err, row.want)
		}
	}
}

package log_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

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
	err := runWith(t, vm.Options{Logger: zap.New(core)}, code)
	return logs.All(), err
}

func runWith(t *testing.T, o vm.Options, code string) error {
	t.Helper()
	o.Libraries = map[string]vm.Library{"log": lualog.Library{}}
	o.Load.CPU = time.Hour
	p, err := script.Compile("main.lua", []byte("local log = require('log')\n"+code))
	if err != nil {
		t.Fatal(err)
	}
	return vm.NewBuilder(stdlib.Open, o).Run(p)
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

const leftOut = "scripts log too much; lines were left out"

func TestWhatIsTooMuchForOneRequestIsLeftOutAndCounted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, code string
		most, left int
	}{
		{"many lines", "for i = 1, 5000 do log.info('m') end", vm.MaxLogged / 256, 5000 - vm.MaxLogged/256},
		{"many lines that are printed", "for i = 1, 5000 do print('m') end", vm.MaxLogged / 256, 5000 - vm.MaxLogged/256},
		{"long lines", "local long = ('x'):rep(100 * 1024) for i = 1, 10 do log.info(long) end", 2, 8},
		{"long lines that are printed", "local long = ('x'):rep(100 * 1024) for i = 1, 10 do print(long) end", 2, 8},
		{"long fields", "local long = ('x'):rep(100 * 1024) for i = 1, 10 do log.info('m', { long = long }) end", 2, 8},
		{"many fields", "local t = {} for i = 1, 30000 do t[i] = i end log.info('m', t) log.info('m', { t })", 0, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.InfoLevel)
				if err := runWith(t, vm.Options{Logger: zap.New(core)}, row.code); err != nil {
					t.Fatal(err)
				}
				if logs.Len() != row.most {
					t.Fatalf("got %d lines; want %d", logs.Len(), row.most)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				told := logs.All()[row.most:]
				if len(told) != 1 || told[0].Message != leftOut {
					t.Fatalf("got %v; want one line that tells", told)
				}
				if fields := told[0].ContextMap(); fields["first"] != "main.lua:2" || fields["lines"] != int64(row.left) {
					t.Errorf("it tells %v; want %d lines", fields, row.left)
				}
			})
		})
	}
}

func TestAllThatRunsForATenantSharesWhatMayBeLoggedInASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		var tenants vm.Logs
		// Each run is a load of its own, as of a script that has itself loaded again and again.
		flood := func(tenant string, runs int) (lines int) {
			before := logs.FilterMessage("m").Len()
			for range runs {
				tenants.Turn()
				all := map[string]*vm.Log{"a": tenants.Of("a", zap.New(core)), "b": tenants.Of("b", zap.New(core))}
				options := vm.Options{Logger: zap.New(core), Log: all[tenant]}
				if err := runWith(t, options, "for i = 1, 1024 do log.info('m') end"); err != nil {
					t.Fatal(err)
				}
			}
			return logs.FilterMessage("m").Len() - before
		}
		const line = 256
		if got, want := flood("a", 30), vm.LogBurst/line; got != want {
			t.Errorf("%d lines were logged at once; want %d", got, want)
		}
		if got, want := flood("b", 1), 1024; got != want {
			t.Errorf("another tenant may log %d lines; want %d", got, want)
		}
		time.Sleep(2 * time.Second)
		if got, want := flood("a", 30), 2*vm.LogRate/line; got != want {
			t.Errorf("two seconds later %d lines were logged; want %d", got, want)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		told := logs.FilterMessage(leftOut).All()
		var left int64
		for _, e := range told {
			left += e.ContextMap()["lines"].(int64)
		}
		if want := int64(60*1024 - (vm.LogBurst+2*vm.LogRate)/line); len(told) != 2 || left != want {
			t.Errorf("%d lines tell of %d that were left out; want 2 and %d", len(told), left, want)
		}
		if got, want := flood("a", 30), vm.LogBurst/line; got != want {
			t.Errorf("an hour later %d lines were logged at once; want %d", got, want)
		}
		time.Sleep(time.Hour)
	})
}

func TestAWrongCallRaisesAtEveryLevel(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ code, want string }{
		{"log.info()", "main.lua:2: bad argument #1 to 'info' (message: string expected, got no value)"},
		{"log.debug('m', 'x')", "main.lua:2: bad argument #2 to 'debug' (fields: table expected, got string)"},
		{"log.trace('m')", "main.lua:2: attempt to call field 'trace' (a nil value)"},
	} {
		if _, err := run(t, zap.ErrorLevel, row.code); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.code, err, row.want)
		}
	}
}

func TestWhatIsTooMuchToPrintIsNotPutTogether(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := runWith(t, vm.Options{Logger: zap.New(core)}, "local long, t = ('x'):rep(2 ^ 20), {} for i = 1, 200 do t[i] = long end print(unpack(t))")
	runtime.ReadMemStats(&after)
	if err != nil || logs.Len() != 0 {
		t.Fatalf("got %d lines, %v", logs.Len(), err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 50<<20 {
		t.Errorf("%d MiB were allocated for a line of 200 MiB that is left out", made>>20)
	}
}

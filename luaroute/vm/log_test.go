package vm

import (
	"testing"
	"testing/synctest"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/chiproxy/tally"
)

// logging runs a script that calls line and field with sizes, and says how many may be logged.
func logging(t *testing.T, body string) (s *State, logged string, lines *observer.ObservedLogs) {
	t.Helper()
	core, lines := observer.New(zap.InfoLevel)
	may := func(f func(*State, *lua.LState, int) bool) lua.LValue {
		return GoFunc(func(L *lua.LState) int {
			L.Push(lua.LBool(f(Of(L), L, L.CheckInt(1))))
			return 1
		})
	}
	o := Options{Log: newLog(zap.New(core)), Globals: map[string]lua.LValue{"line": may((*State).MayLog), "field": may((*State).MayLogField)}}
	img, refs := freeze(t, `keep(function()
		local n = 0
		local function count(may) if may then n = n + 1 end return may end
		`+body+`
		return n
	end)`, o)
	s = img.NewState()
	s.Arm(Limits{CPU: time.Hour}, t.Context())
	logged, err := call(s, refs[0])
	if err != nil {
		t.Fatal(err)
	}
	return s, logged, lines
}

func TestWhatALineCountsFor(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, body, logged string
		request            int     // of what one request may log
		rate               float64 // of what the tenant may log
	}{
		{"a short line", `count(line(1))`, "1", leastLogged, leastLogged},
		{"a long line", `count(line(5000))`, "1", 5000, 5000},
		{"a short field, of which a request may have as many as lines", `count(field(1))`, "1", leastLogged, 1},
		{"a long field", `count(field(5000))`, "1", 5000, 5000},
		{"as many short fields as there may be", `for i = 1, 5000 do count(field(1)) end`, "1024", MaxLogged + leastLogged, 1024},
		{"as many short lines as there may be", `for i = 1, 5000 do count(line(1)) end`, "1024", MaxLogged + leastLogged, MaxLogged},
		{"a line that is too long, and a short one", `count(line(300000)) count(line(1))`, "0", 300000, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, logged, _ := logging(t, row.body)
				if l := s.options.Log; logged != row.logged || s.budget.tally.Logged != row.request || l.spent != row.rate {
					t.Errorf("%s are logged, and count for %d bytes of the request and %v of the tenant; want %s, %d, %v",
						logged, s.budget.tally.Logged, l.spent, row.logged, row.request, row.rate)
				}
			})
		})
	}
}

func TestALineCountsForTheTimeThatItTakes(t *testing.T) {
	t.Parallel()
	for body, least := range map[string]int{
		`line(1)`: logSteps, `line(64 * 500)`: logSteps + 500, `field(1)`: logSteps, `field(64 * 500)`: logSteps + 500,
		`line(64 * 100) line(64 * 100)`: 2 * (logSteps + 100),
	} {
		empty, _, _ := logging(t, "")
		s, _, _ := logging(t, body)
		if took := empty.budget.left - s.budget.left; took < least || took > least+50 {
			t.Errorf("%s counts for %d steps, want about %d", body, took, least)
		}
	}
}

func TestWhatIsLeftOutOfTheLogIsSaidInLinesAndBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, lines := logging(t, `line(300000) line(7) field(11)`)
		time.Sleep(tally.Interval)
		synctest.Wait()
		said := lines.All()
		if len(said) != 1 {
			t.Fatalf("said %v", said)
		}
		if f := said[0].ContextMap(); f["lines"] != int64(3) || f["bytes"] != int64(300018) || f["first"] == "" {
			t.Errorf("said %v", f)
		}
	})
}

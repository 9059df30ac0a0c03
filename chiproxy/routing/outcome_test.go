package routing

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

func TestThoseWhoWaitForTheOutcomeAreToldOnce(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		then   func(*chiproxy.Exchange) (chiproxy.Verdict, error)
		told   int
		status int
		failed bool
	}{
		"an answer": {func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
			_, err := io.WriteString(ex.W, "x")
			return chiproxy.Done, err
		}, 1, 200, false},
		"an error":                  {chiproxy.Error{Status: 404}.Do, 1, 404, true},
		"a candidate that declined": {chiproxy.Decline{}.Do, 0, 0, false},
		"a panic":                   {func(*chiproxy.Exchange) (chiproxy.Verdict, error) { panic(http.ErrAbortHandler) }, 1, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told []chiproxy.Outcome
			table := mustBuild(t, only(at("/", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
				ex.OnDone(func(o chiproxy.Outcome) { told = append(told, o) })
				return row.then(ex)
			}))))
			func() {
				defer func() {
					if r := recover(); r != nil && !errors.Is(r.(error), http.ErrAbortHandler) {
						panic(r)
					}
				}()
				send(table, ask("/"))
			}()
			if len(told) != row.told {
				t.Fatalf("told %d times: %+v", len(told), told)
			}
			if len(told) == 1 && (told[0].Status != row.status || (told[0].Err != nil) != row.failed) {
				t.Errorf("the outcome is %+v", told[0])
			}
		})
	}
}

package chiproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

func TestHandlersReachTheClient(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		action Action
		status int
		body   string
	}{
		"the next handler answers":              {Next{}, 418, ""},
		"a module answers":                      {Module{Handler: answering{}}, 202, "module"},
		"a module may go on to Caddy's handler": {Module{Handler: passing{}}, 418, ""},
	} {
		bound, err := (*PoolScope)(nil).Bind(row.action)
		if err != nil {
			t.Fatal(err)
		}
		for kind, a := range map[string]Action{"bound": bound, "as it is": row.action} {
			w := httptest.NewRecorder()
			verdict, err := a.Do(exchangeOf(w, get("/"), nil))
			if verdict != Done || err != nil || w.Code != row.status || w.Body.String() != row.body {
				t.Errorf("%s, %s: %v, %v, %d %q", name, kind, verdict, err, w.Code, w.Body)
			}
		}
	}
}

func TestAnErrorThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	const want = "error: status 200: expected 400 to 999"
	for when, fails := range map[string]func(Error) error{
		"bound": func(a Error) error { _, err := (*PoolScope)(nil).Bind(a); return err },
		"done":  func(a Error) error { _, err := a.Do(new(Exchange)); return err },
	} {
		if err := fails(Error{Status: 200}); errText(err) != want {
			t.Errorf("when %s: %v", when, err)
		}
	}
}

func TestARaisedErrorIsCaddys(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		raise  Error
		status int
		text   string
	}{
		"a status and a message": {Error{Status: 403, Message: "go away"}, 403, "go away"},
		"a status only":          {Error{Status: 404}, 404, "Not Found"},
		"nothing":                {Error{}, 500, "Internal Server Error"},
	} {
		verdict, err := row.raise.Do(new(Exchange))
		he, ok := errors.AsType[caddyhttp.HandlerError](err)
		if !ok || verdict != Done || he.StatusCode != row.status || he.Err.Error() != row.text {
			t.Errorf("%s: %v, %v", name, verdict, err)
		}
	}
}

func TestDeclineDeclines(t *testing.T) {
	t.Parallel()
	if verdict, err := (Decline{}).Do(new(Exchange)); verdict != Declined || err != nil {
		t.Errorf("%v, %v", verdict, err)
	}
}

func TestActionsDescribeThemselves(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Describer{
		"proxy users":       Proxy{Pool: "users"},
		"proxy p":           (*toPool)(&pool.Named{Name: "p"}),
		"next ":             Next{},
		"decline ":          Decline{},
		"error 500":         Error{},
		"handler templates": Module{Name: "templates"},
		"matcher x":         Module{Name: "templates", Origin: origin.Origin{Kind: "matcher", Text: "x"}},
	} {
		if o := a.Describe(); fmt.Sprintf("%s %s", o.Kind, o.Text) != want {
			t.Errorf("%s %s, want %s", o.Kind, o.Text, want)
		}
	}
}

// answering is a module that answers.
type answering struct{}

func (answering) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	w.WriteHeader(http.StatusAccepted)
	_, err := io.WriteString(w, "module")
	return err
}

// says is an action that answers with a body.
type says string

func (a says) Do(ex *Exchange) (Verdict, error) {
	_, err := io.WriteString(ex.W, string(a))
	return Done, err
}

func (says) Traits() Traits { return Traits{Changes: true, Pure: true, Status: http.StatusOK} }

package chiproxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// moduleFunc is a module made of a function.
type moduleFunc func(http.ResponseWriter, *http.Request, caddyhttp.Handler) error

func (f moduleFunc) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return f(w, r, next)
}

func TestAModuleCarriesOurVerdictThrough(t *testing.T) {
	t.Parallel()
	errInside, errOwn := errors.New("inside"), errors.New("own")
	through := moduleFunc(passing{}.ServeHTTP)
	for name, row := range map[string]struct {
		module  moduleFunc
		inside  Verdict
		err     error
		verdict Verdict
		wantErr error
	}{
		"what is inside answers":       {through, Done, nil, Done, nil},
		"what is inside declines":      {through, Declined, nil, Declined, nil},
		"what is inside fails":         {through, Done, errInside, Done, errInside},
		"the module answers by itself": {answering{}.ServeHTTP, Declined, nil, Done, nil},
		"the module swallows an error": {func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
			_ = next.ServeHTTP(w, r)
			return nil
		}, Done, errInside, Done, nil},
		"the module fails after decline": {func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
			_ = next.ServeHTTP(w, r)
			return errOwn
		}, Declined, nil, Done, errOwn},
	} {
		t.Run(name, func(t *testing.T) {
			ex := exchangeOf(httptest.NewRecorder(), get("/"), nil)
			verdict, err := Module{Handler: row.module}.Handle(ex, func() (Verdict, error) { return row.inside, row.err })
			if verdict != row.verdict || !errors.Is(err, row.wantErr) {
				t.Errorf("%v, %v; want %v, %v", verdict, err, row.verdict, row.wantErr)
			}
		})
	}
}

func TestAModuleMayReplaceWriterAndRequestForTheInside(t *testing.T) {
	t.Parallel()
	type key struct{}
	w, inner := httptest.NewRecorder(), httptest.NewRecorder()
	ex := exchangeOf(w, get("/"), nil)
	r := ex.R
	m := Module{Handler: moduleFunc(func(_ http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		return next.ServeHTTP(inner, r.WithContext(context.WithValue(r.Context(), key{}, "v")))
	})}
	inside := func() (Verdict, error) {
		if ex.W != inner || ex.R.Context().Value(key{}) != "v" {
			t.Error("the inside does not see what the module has handed on")
		}
		return Done, nil
	}
	if _, err := m.Handle(ex, inside); err != nil {
		t.Fatal(err)
	}
	if ex.W != w || ex.R != r {
		t.Error("the old writer and request were not put back")
	}

	func() { // nor may a panic leave them there, as the aborted stream of a proxy
		defer func() { _ = recover() }()
		_, _ = m.Handle(ex, func() (Verdict, error) { panic(http.ErrAbortHandler) })
	}()
	if ex.W != w || ex.R != r {
		t.Error("after a panic, the old writer and request were not put back")
	}
}

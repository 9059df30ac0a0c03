package hook_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func TestWhatLogAppendAddsCountsAsWhatTheTenantLogs(t *testing.T) {
	t.Parallel()
	const size = 200 << 10
	long := strings.Repeat("x", size)
	for name, h := range map[string]*logging.LogAppend{
		"a text":                {Key: "k", Value: long},
		"a placeholder":         {Key: "k", Value: "{http.request.header.X}"},
		"a variable":            {Key: "k", Value: "v"},
		"a variable set inside": {Key: "k", Value: "later"},
		"one added early":       {Key: "k", Value: "v", Early: true},
		"a name":                {Key: long, Value: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				core, lines := observer.New(zap.InfoLevel)
				var logs vm.Logs
				logs.Turn()
				counted := hook.CountLogged(h, logs.Of("acme", zap.New(core)), origin.Origin{Script: "acme.lua", Line: 7})
				ask := func() (added int) {
					r := httptest.NewRequest(http.MethodGet, "/", nil)
					r.Header.Set("X", long)
					w := httptest.NewRecorder()
					r = luatest.Prepared(w, r)
					caddyhttp.SetVar(r.Context(), "v", long)
					served := false
					err := counted.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
						served = true
						caddyhttp.SetVar(r.Context(), "later", long)
						return caddyhttp.Error(http.StatusTeapot, nil)
					}))
					if failed, is := err.(caddyhttp.HandlerError); !served || !is || failed.StatusCode != http.StatusTeapot {
						t.Fatalf("what is inside was called: %v, and its error was %v", served, err)
					}
					return reflect.ValueOf(r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey)).Elem().Field(0).Len()
				}
				added := 0
				for range 100 {
					added += ask()
				}
				if want := vm.LogBurst / (size + 5); added < want-1 || added > want+1 {
					t.Errorf("%d fields of 200 KiB were added at once, want about %d", added, want)
				}
				time.Sleep(2 * time.Second)
				left := lines.FilterMessage("scripts log too much; lines were left out").All()
				if len(left) != 1 || left[0].ContextMap()["lines"] != int64(100-added) || !strings.Contains(left[0].ContextMap()["first"].(string), "acme.lua:7") {
					t.Errorf("what was left out was reported as %v", left)
				}
				if ask() != 1 {
					t.Error("a moment later nothing is added")
				}
			})
		})
	}
}

func TestNothingThatLogAppendAddsIsLargerThanARequestMayLog(t *testing.T) {
	t.Parallel()
	var logs vm.Logs
	logs.Turn()
	h := hook.CountLogged(&logging.LogAppend{Key: "k", Value: strings.Repeat("x", vm.MaxLogged)}, logs.Of("acme", zap.NewNop()), origin.Origin{})
	w := httptest.NewRecorder()
	r := luatest.Prepared(w, httptest.NewRequest(http.MethodGet, "/", nil))
	_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	if n := reflect.ValueOf(r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey)).Elem().Field(0).Len(); n != 0 {
		t.Error("it was added")
	}
}

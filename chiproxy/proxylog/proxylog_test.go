package proxylog

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// encoded counts how often it is encoded.
type encoded int

func (e *encoded) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	*e++
	enc.AddString("method", "GET")
	return nil
}

func TestTheLogOfAReverseProxyIsEncodedWhenItIsWritten(t *testing.T) {
	t.Parallel()
	if !place.ok {
		t.Fatal("the place of the logger in a reverse_proxy is not known")
	}
	h := new(reverseproxy.Handler)
	logger := loggerOf(h)
	core, logs := observer.New(zap.InfoLevel)
	*logger = zap.New(core)
	WhenWritten(h)

	var request encoded
	with := (*logger).With(zap.Object("request", &request))
	with.Debug("dropped")
	if request != 0 || logs.Len() != 0 {
		t.Errorf("encoded %d times for %d entries, expected nothing of what the level drops", request, logs.Len())
	}
	with.Named("health").Warn("written", zap.String("upstream", "a"))
	with.Warn("written")
	all := logs.All()
	if len(all) != 2 || all[0].LoggerName != "health" {
		t.Fatalf("logged %v, expected two entries", all)
	}
	for _, entry := range all {
		if got, _ := entry.ContextMap()["request"].(map[string]any); got["method"] != "GET" {
			t.Errorf("logged %v, expected the request", entry.ContextMap())
		}
	}
	if all[0].ContextMap()["upstream"] != "a" {
		t.Errorf("logged %v, expected the upstream", all[0].ContextMap())
	}
}

func TestHealthChecksLogEachMessageOnceAMinuteAndCountTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &reverseproxy.Handler{
			Upstreams:    reverseproxy.UpstreamPool{{Dial: "10.0.0.1:80"}, {Dial: "10.0.0.2:80"}},
			HealthChecks: &reverseproxy.HealthChecks{Active: new(reverseproxy.ActiveHealthChecks)},
		}
		core, logs := observer.New(zap.InfoLevel)
		*loggerOf(h) = zap.New(core).Named("http.handlers.reverse_proxy")
		BoundChecks(h)
		WhenWritten(h) // as a pool does
		checks := (*loggerOf(h)).Named("health_checker.active").With(zap.String("of", "a"))
		for range 90 { // seconds
			checks.Debug("not written at all")
			for range 10 {
				checks.Info("HTTP request failed")
			}
			(*loggerOf(h)).Warn("of a request")
			time.Sleep(time.Second)
		}
		checks.Info("host is up")
		time.Sleep(time.Hour)
		synctest.Wait()
		for message, want := range map[string]int{"HTTP request failed": 2, "host is up": 1, "of a request": 90} {
			if got := logs.FilterMessage(message).Len(); got != want {
				t.Errorf("%q is logged %d times; want %d", message, got, want)
			}
		}
		left := logs.FilterMessage("health checks log too much; lines were left out").All()
		if len(left) != 2 {
			t.Fatalf("%d lines say what was left out; want 2", len(left))
		}
		if n := left[0].ContextMap()["lines"].(int64) + left[1].ContextMap()["lines"].(int64); n != 898 {
			t.Errorf("they count %d; want 898", n)
		}
		if got := left[0].ContextMap(); got["first"] != "HTTP request failed" || got["first_upstream"] != "10.0.0.1:80" || got["upstreams"] != int64(2) {
			t.Errorf("they say %v", got)
		}
		if got := logs.FilterMessage("host is up").All()[0].ContextMap(); got["of"] != "a" {
			t.Errorf("the fields of a line are %v", got)
		}
	})
}

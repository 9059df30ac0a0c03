package pool

import (
	"testing"
	"unsafe"

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

func TestTheLogOfAPoolIsEncodedWhenItIsWritten(t *testing.T) {
	t.Parallel()
	pool := mustAcquire(t, newTestPools(t), dials("", "127.0.0.1:1"))
	if !loggerPlace.ok {
		t.Fatal("the place of the logger in a reverse_proxy is not known")
	}
	logger := (**zap.Logger)(unsafe.Add(unsafe.Pointer(pool.handler), loggerPlace.offset))
	core, logs := observer.New(zap.InfoLevel)
	*logger = zap.New(core)
	logWhenWritten(pool.handler)

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

// Package proxylog changes how a reverse_proxy of Caddy's logs. Its loggers are unexported; where a version of Caddy has moved them it logs as ever.
//
//	proxylog.BoundChecks(h) // while h is provisioned: its failed health checks write little
//	proxylog.WhenWritten(h) // once it is: entries that nobody writes cost nothing
package proxylog

import (
	"reflect"
	"unsafe"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// place is where a reverse_proxy keeps its logger, which is unexported; ok is false if a version of Caddy has moved it.
var place = func() (p struct {
	offset uintptr
	ok     bool
},
) {
	field, found := reflect.TypeFor[reverseproxy.Handler]().FieldByName("logger")
	p.offset, p.ok = field.Offset, found && field.Type == reflect.TypeFor[*zap.Logger]()
	return p
}()

// loggerOf returns where a reverse_proxy keeps its logger. It is to be called only if place.ok.
func loggerOf(h *reverseproxy.Handler) **zap.Logger {
	return (**zap.Logger)(unsafe.Add(unsafe.Pointer(h), place.offset))
}

// WhenWritten makes a reverse_proxy that was provisioned encode its log entries when they are written: for every request it makes a logger with the
// request as a field, and zap encodes the fields at once, even if nothing is logged, a tenth of the time of a proxied request. The log is the same.
// The reverse_proxy must not serve yet.
func WhenWritten(h *reverseproxy.Handler) {
	if place.ok {
		logger := loggerOf(h)
		*logger = (*logger).WithOptions(zap.WrapCore(lazy))
	}
}

// lazy returns a core that encodes late. One that writes nothing at all encodes nothing as it is.
func lazy(core zapcore.Core) zapcore.Core {
	if !core.Enabled(zapcore.FatalLevel) {
		return core
	}
	return lazyCore{core}
}

// lazyCore encodes the fields of its loggers when they write.
type lazyCore struct{ zapcore.Core }

// With adds fields.
func (c lazyCore) With(fields []zapcore.Field) zapcore.Core {
	return zapcore.NewLazyWith(c.Core, fields)
}

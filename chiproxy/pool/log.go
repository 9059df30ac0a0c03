package pool

import (
	"reflect"
	"unsafe"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// For every request reverse_proxy makes a logger with the request as a field, and zap encodes the fields at once, even if nothing is
// logged: a tenth of the time of a proxied request. The pools encode them when something is written. The log is the same.

// loggerPlace is where a reverse_proxy keeps its logger, which is unexported; ok is false if a version of Caddy has moved it, and then
// pools log as Caddy does.
var loggerPlace = func() (place struct {
	offset uintptr
	ok     bool
},
) {
	field, found := reflect.TypeFor[reverseproxy.Handler]().FieldByName("logger")
	place.offset, place.ok = field.Offset, found && field.Type == reflect.TypeFor[*zap.Logger]()
	return place
}()

// logWhenWritten makes a reverse_proxy that was provisioned encode its log entries when they are written. It must not serve yet.
func logWhenWritten(h *reverseproxy.Handler) {
	if loggerPlace.ok {
		logger := (**zap.Logger)(unsafe.Add(unsafe.Pointer(h), loggerPlace.offset))
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

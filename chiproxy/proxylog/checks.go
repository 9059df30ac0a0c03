package proxylog

import (
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/luaroute/caddy-luaroute/chiproxy/tally"
)

// A failed health check is a line of the log, and a thousand upstreams may be checked each second.

const (
	// checkInterval is how often the health checks of one reverse_proxy may log the same message, and say what was left out.
	checkInterval = time.Minute
	// checkerName is what Caddy calls the logger of active health checks, behind the name of reverse_proxy.
	checkerName = "health_checker.active"
)

// BoundChecks lets the active health checks of a reverse_proxy log each message at most once a minute, and say then how many lines were left out. It
// is to be called while h is provisioned: once it has its logger, and before its checks begin.
func BoundChecks(h *reverseproxy.Handler) {
	if !place.ok || h.HealthChecks == nil || h.HealthChecks.Active == nil {
		return
	}
	logger := loggerOf(h)
	*logger = bounded(*logger, h.Upstreams)
}

func bounded(logger *zap.Logger, upstreams reverseproxy.UpstreamPool) *zap.Logger {
	c := &checks{last: map[string]time.Time{}}
	c.left = tally.New(checkInterval, func(n tally.Count) {
		fields := []zap.Field{zap.Int("lines", n.Lines), zap.String("first", n.First), zap.Int("upstreams", len(upstreams))}
		if len(upstreams) > 0 {
			fields = append(fields, zap.String("first_upstream", upstreams[0].Dial))
		}
		logger.Named(checkerName).Warn("health checks log too much; lines were left out", fields...)
	})
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return checksCore{core, c} }))
}

// checks is what the health checks of one reverse_proxy have logged.
type checks struct {
	left *tally.Tally

	mu   sync.Mutex
	last map[string]time.Time // by message, of which Caddy has a dozen
}

// first reports whether a message was not logged for a while. It notes that it is now.
func (c *checks) first(message string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.last[message]; ok && now.Sub(last) < checkInterval {
		return false
	}
	c.last[message] = now
	return true
}

// checksCore leaves out what health checks log too often, and nothing else.
type checksCore struct {
	zapcore.Core
	checks *checks
}

// With adds fields.
func (c checksCore) With(fields []zapcore.Field) zapcore.Core {
	return checksCore{c.Core.With(fields), c.checks}
}

// Check decides whether an entry is written. It is asked about those of levels that are on.
func (c checksCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !strings.HasSuffix(e.LoggerName, checkerName) || c.checks.first(e.Message, e.Time) {
		return c.Core.Check(e, ce)
	}
	c.checks.left.Add(0, func() string { return e.Message })
	return ce
}

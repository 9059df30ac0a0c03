package hook

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// A script that fails on each request must not fill the disk: these bound a tenant's log lines about failures per second.
const (
	linesOfMessage = 10
	linesOfTenant  = 100
)

// quiet logs the failures of functions, but not too many. The next line that is written counts those left out.
type quiet struct {
	mu         sync.Mutex
	since      time.Time // the second that is counted
	lines      int
	said       map[saying]int // lines of that second
	suppressed int            // since the last line
}

// saying identifies log lines that count as the same.
type saying struct {
	function origin.Origin
	message  string
}

// failure logs the error of a function.
func (q *quiet) failure(logger *zap.Logger, now time.Time, err *chiproxy.HookError, function origin.Origin, trace string) {
	message := err.Error()
	suppressed, ok := q.allow(saying{function, message}, now)
	if !ok {
		return
	}
	fields := []zap.Field{zap.String("error", message), zap.Stringer("function", function), zap.String("err_id", err.ID), zap.String("trace", trace)}
	if suppressed > 0 {
		fields = append(fields, zap.Int("suppressed", suppressed))
	}
	logger.Error("script failed", fields...)
}

// allow reports whether a line may be written, and how many before it were not.
func (q *quiet) allow(s saying, now time.Time) (suppressed int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.said == nil || now.Sub(q.since) >= time.Second {
		q.since, q.lines, q.said = now, 0, map[saying]int{}
	}
	if q.lines == linesOfTenant || q.said[s] == linesOfMessage {
		q.suppressed++
		return 0, false
	}
	q.lines++
	q.said[s]++
	suppressed, q.suppressed = q.suppressed, 0
	return suppressed, true
}

package vm

import (
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/luaroute/caddy-luaroute/chiproxy/tally"
)

// A log is on a disk that others need, too, and writing it takes their time.
const (
	// MaxLogged is how many bytes a script may log for one request, what it does after the response included, in one run of a
	// timer, or while it loads.
	MaxLogged = 256 << 10
	// LogRate is how many bytes all scripts of a tenant may log in a second, and LogBurst how many at once.
	LogRate  = 1 << 20
	LogBurst = 4 << 20
	// leastLogged is the least that a line counts for.
	leastLogged = 256
	// logSteps is what a line counts for in time: some microseconds.
	logSteps = 100
)

// Log is what the scripts of one tenant may log: at LogRate, whatever runs them, and however often they are loaded again. It says once a
// second what was left out.
type Log struct {
	left *tally.Tally

	mu    sync.Mutex
	spent float64   // bytes of the burst that are used up
	seen  time.Time // when spent was that
}

// newLog returns the log of a tenant, which reports to a logger what it leaves out.
func newLog(logger *zap.Logger) *Log {
	return &Log{left: tally.New(tally.Interval, func(c tally.Count) {
		logger.Warn("scripts log too much; lines were left out",
			zap.Int("lines", c.Lines), zap.Int("bytes", c.Bytes), zap.String("first", c.First),
			zap.Int("allowed_per_request", MaxLogged), zap.Int("allowed_per_second", LogRate))
	})}
}

// Logs are those of the tenants of an instance. They outlive loads: a script that has itself loaded again may not log more for it. The zero value
// is ready.
type Logs struct {
	mu           sync.Mutex
	used, before map[string]*Log
}

// Turn begins a load. The logs of tenants that neither this load nor the one before has are forgotten.
func (l *Logs) Turn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before, l.used = l.used, map[string]*Log{}
}

// Of returns the log of a tenant. The logger is for one that is new.
func (l *Logs) Of(tenant string, logger *zap.Logger) *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.used[tenant]
	if log == nil {
		if log = l.before[tenant]; log == nil {
			log = newLog(logger)
		}
		l.used[tenant] = log
	}
	return log
}

// take reports whether so many bytes may be logged now, and if so counts them.
func (l *Log) take(bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.spent = max(l.spent-now.Sub(l.seen).Seconds()*LogRate, 0)
	l.seen = now
	if l.spent+float64(bytes) > LogBurst {
		return false
	}
	l.spent += float64(bytes)
	return true
}

// MayAdd reports whether something that is no script may add a field of so many bytes to a line that is written anyway, and counts it as logged
// or as left out. where says what it is.
func (l *Log) MayAdd(bytes int, where func() string) bool {
	if bytes <= MaxLogged && l.take(bytes) {
		return true
	}
	l.left.Add(bytes, where)
	return false
}

// Entry returns a line for the log, at the time that scripts see, or nil if lines of that level are not logged. MayLog comes before it is
// written.
func (s *State) Entry(level zapcore.Level, message string) *zapcore.CheckedEntry {
	entry := s.options.Logger.Check(level, message)
	if entry != nil && !s.Clock.IsZero() {
		entry.Time = s.Clock
	}
	return entry
}

// MayLog reports whether a script may log a line of so many bytes, and counts it as logged or as left out. After the first line beyond the
// limit of a request, all others are left out.
func (s *State) MayLog(L *lua.LState, bytes int) bool {
	return s.mayLog(L, bytes, max(bytes, leastLogged))
}

// MayLogField is MayLog for a field of a line that is written anyway: only its own bytes count against the rate of its tenant.
func (s *State) MayLogField(L *lua.LState, bytes int) bool { return s.mayLog(L, bytes, bytes) }

func (s *State) mayLog(L *lua.LState, bytes, rated int) bool {
	Spend(L, logSteps+bytes/64)
	log := s.options.Log
	if s.budget.tally.Logged <= MaxLogged {
		s.budget.tally.Logged += max(bytes, leastLogged)
	}
	if s.budget.tally.Logged <= MaxLogged && log.take(rated) {
		return true
	}
	log.left.Add(bytes, func() string { return Where(L) })
	return false
}

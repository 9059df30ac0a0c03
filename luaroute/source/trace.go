package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Trace is everything that a load read, so that changes can be noticed later: the files it read, those it
// found missing, and the globs that it expanded. Sources write it with Note.
type Trace struct {
	mu     sync.Mutex
	things map[string]*thing
	order  []string
}

// thing is one file, key or glob that was read.
type thing struct {
	seen  Stamp // by the load
	now   Stamp // by the last look of Changes
	stamp func(context.Context) Stamp
}

// Stamp is a short string that differs when the thing has changed.
type Stamp string

// Missing is the stamp of what does not exist.
const Missing Stamp = "missing"

// unreadable is the stamp of what cannot be read.
const unreadable Stamp = "unreadable"

type traceKey struct{}

// WithTrace returns a context whose loads are written into a trace.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// Note records that a load read something: its stamp, and how to stamp it again. The first note of an id counts, so that a change during
// the load is noticed.
func Note(ctx context.Context, id string, seen Stamp, stamp func(context.Context) Stamp) {
	t, ok := ctx.Value(traceKey{}).(*Trace)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.things == nil {
		t.things = map[string]*thing{}
	}
	if t.things[id] == nil {
		t.things[id] = &thing{seen: seen, stamp: stamp}
		t.order = append(t.order, id)
	}
}

// Changes is what has changed since a load.
type Changes struct {
	// All is the ids and stamps of what has changed, as one string, empty if nothing has.
	All string
	// Lost says that something is missing or empty: it may be in the middle of being saved.
	Lost bool
}

// Changes returns what has changed since the load. One goroutine at a time may ask.
func (t *Trace) Changes(ctx context.Context) Changes {
	lost := false
	t.mu.Lock()
	order := t.order
	t.mu.Unlock()
	var b strings.Builder
	for _, id := range order {
		t.mu.Lock()
		x := t.things[id]
		t.mu.Unlock()
		now := x.stamp(ctx)
		t.mu.Lock()
		x.now = now
		t.mu.Unlock()
		if now != x.seen {
			b.WriteString(id + "\x00" + string(now) + "\n")
			lost = lost || less(x.seen, now)
		}
	}
	return Changes{b.String(), lost}
}

// Agrees reports whether a later load has read what the last call of Changes found.
func (t *Trace) Agrees(later *Trace) bool {
	later.mu.Lock()
	defer later.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, x := range t.things {
		if y := later.things[id]; y != nil && y.seen != x.now {
			return false
		}
	}
	return true
}

// less reports whether a thing is gone or empty, or a list has lost entries.
func less(was, is Stamp) bool {
	if !strings.HasPrefix(string(was), listed) || !strings.HasPrefix(string(is), listed) {
		return is == Missing || is == unreadable || is == nothing
	}
	left := strings.Split(string(is), "\x00")
	return slices.ContainsFunc(strings.Split(string(was), "\x00"), func(name string) bool { return !slices.Contains(left, name) })
}

// sum is the stamp of bytes.
func sum(content []byte) Stamp {
	h := sha256.Sum256(content)
	return Stamp(h[:])
}

// nothing is the stamp of no bytes.
var nothing = sum(nil)

// listed is what the stamps of lists begin with.
const listed = "list\x00"

// listStamp is the stamp of a list.
func listStamp(names []string) Stamp { return Stamp(listed + strings.Join(names, "\x00")) }

// settles is how long something must have had the same size and time before these are believed: clocks of file systems are
// coarse, so a second change within the same tick would be missed.
const settles = 2 * time.Second

// content stamps something again, but reads it only when its size or time has changed.
type content struct {
	stat func(context.Context) (mark, error)
	read func(context.Context) ([]byte, error)

	mark  mark
	since time.Time // when mark was seen first
	seen  Stamp
	sure  bool // the content was read long enough after since
}

// mark is what changes with the content, most of the time.
type mark struct {
	size int64
	time time.Time
	file uint64 // tells files of one name apart; 0 if nothing does
}

func (c *content) stamp(ctx context.Context) Stamp {
	m, err := c.stat(ctx)
	if err != nil {
		c.mark, c.sure = mark{}, false
		return failedStamp(err)
	}
	now := time.Now()
	if m != c.mark || c.since.IsZero() {
		c.mark, c.since, c.sure = m, now, false
	}
	if c.sure {
		return c.seen
	}
	bytes, err := c.read(ctx)
	if err != nil {
		return failedStamp(err)
	}
	c.seen, c.sure = sum(bytes), !m.time.IsZero() && now.Sub(c.since) >= settles // some storages know no times
	return c.seen
}

// failedStamp is the stamp of what cannot be read. It leaves out the reason, whose words may differ each time, which would look like a
// change.
func failedStamp(err error) Stamp {
	if isMissing(err) {
		return Missing
	}
	return unreadable
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// noteGlob notes the files that a name or glob stands for.
func noteGlob(ctx context.Context, pattern string, names []string) {
	Note(ctx, "glob "+pattern, listStamp(names), func(context.Context) Stamp {
		names, _ := expand(pattern) // a failure is an empty list, as it was for the load
		return listStamp(names)
	})
}

// glob returns the files that a glob finds, and notes them.
func glob(ctx context.Context, pattern string) []string {
	names, _ := filepath.Glob(pattern) // one that is malformed finds nothing
	Note(ctx, "found "+pattern, listStamp(names), func(context.Context) Stamp {
		names, _ := filepath.Glob(pattern)
		return listStamp(names)
	})
	return names
}

// readNoted reads a file, and notes what was in it, or why it could not be read.
func readNoted(ctx context.Context, at place) ([]byte, error) {
	bytes, err := at.read()
	seen := sum(bytes)
	if err != nil {
		seen = failedStamp(err)
	}
	again := &content{
		stat: func(context.Context) (mark, error) { return at.mark() },
		read: func(context.Context) ([]byte, error) { return at.read() },
	}
	Note(ctx, "file "+at.name, seen, again.stamp)
	return bytes, err
}

// mark returns the mark of a file. An editor that writes a new file and renames it leaves another file under the name.
func (p place) mark() (mark, error) {
	info, err := p.stat()
	if err != nil {
		return mark{}, reason(err)
	}
	return mark{info.Size(), info.ModTime(), fileNumber(info)}, nil
}

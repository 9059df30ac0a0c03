// Package expansion bounds the expansion of Caddy's placeholders. A string may name a placeholder thousands of times, a client may send a
// megabyte for it, and a variable may double itself again and again: Caddy has no bound.
//
// Bound bounds the placeholders of one request; Supported reports whether that works with this version of Caddy.
package expansion

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/caddyserver/caddy/v2"
)

const (
	// maxBytes bounds the values of all placeholders of a request and what is parsed for them, in bytes, except bodies, which have limits of
	// their own.
	maxBytes = 1 << 20
	// maxLookups is how many placeholders may be looked up.
	maxLookups = 10_000
)

// provider is what a Replacer has a list of. Its type is Caddy's own; here it is only moved.
type provider interface{ provider() }

// offset is where a Replacer has its list.
var offset, unsupported = func() (uintptr, error) {
	field, found := reflect.TypeFor[caddy.Replacer]().FieldByName("providers")
	if !found || field.Type.Kind() != reflect.Slice || field.Type.Elem().Kind() != reflect.Interface || field.Type.Elem().NumMethod() == 0 {
		return 0, errors.New("this version of Caddy keeps its placeholders in a way that cannot be bounded")
	}
	return field.Offset, nil
}()

// Supported returns an error if Bound cannot work with this version of Caddy.
func Supported() error { return unsupported }

func providers(r *caddy.Replacer) *[]provider {
	return (*[]provider)(unsafe.Add(unsafe.Pointer(r), offset))
}

// Bound bounds the placeholders of a request, from now on and for all that handles it: beyond the bounds they are empty. Those of files are
// not changed.
func Bound(r *http.Request) {
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if repl == nil || unsupported != nil {
		return
	}
	b := &budget{request: r, inner: *repl}
	b.bytes.Store(maxBytes)
	b.lookups.Store(maxLookups)
	first := caddy.NewEmptyReplacer()
	first.Map(b.find)
	list := *providers(first)
	*providers(repl) = append(slices.Clip(list[len(list)-1:]), *providers(repl)...)
}

// budget is what is left for a request. Transports expand placeholders in goroutines of their own.
type budget struct {
	request        *http.Request
	inner          caddy.Replacer
	bytes, lookups atomic.Int64
}

// find finds a placeholder, as the others would, while something is left.
func (b *budget) find(name string) (any, bool) {
	if strings.HasPrefix(name, "file.") { // some users of the Replacer leave these out
		return nil, false
	}
	if b.lookups.Add(-1) < 0 || b.bytes.Add(-b.parsed(name)) < 0 {
		return "", true
	}
	value, known := b.inner.Get(name)
	if !strings.HasPrefix(name, "http.request.body") && b.bytes.Add(-size(value)) < 0 {
		return "", true
	}
	return value, known
}

// parsed returns how many bytes Caddy parses each time for a placeholder.
func (b *budget) parsed(name string) (n int64) {
	switch {
	case strings.HasPrefix(name, "http.request.uri"), strings.HasPrefix(name, "http.request.orig_uri"):
		n = int64(len(b.request.RequestURI) + len(b.request.URL.Path) + len(b.request.URL.RawQuery))
	case strings.HasPrefix(name, "http.request.cookie."):
		for _, line := range b.request.Header["Cookie"] {
			n += int64(len(line))
		}
	}
	return n
}

func size(value any) int64 {
	if text, ok := value.(string); ok {
		return int64(len(text))
	}
	return int64(len(caddy.ToString(value)))
}

package call

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// Caching is for how long answers are kept.
type Caching struct {
	// TTL is for answers of 200, 203 and 204.
	TTL time.Duration
	// Negative is for those of 404 and 410, and of the statuses in NegativeStatus. 0 keeps none.
	Negative       time.Duration
	NegativeStatus []int
	// Stale is how much longer an answer is given if there is no new one, or one of 5xx.
	Stale time.Duration
	// Respect has what the answer says of itself shorten that, or prevent it.
	Respect bool
	// Vary are the header fields of the request that are in the key.
	Vary []string
}

// Cache keeps answers in a store, and asks for one only once at a time. The zero Cache is ready; all that share keys should have the same.
type Cache struct {
	mu      sync.Mutex
	flights map[string]*flight
}

// flight is a request that others wait for.
type flight struct {
	done chan struct{}
	res  *Response
	err  error
	// left says that it has ended because its caller has, which is nothing to those who wait.
	left bool
	// most is the size of the largest body that its caller takes.
	most int64
}

// Identity are the header fields that say who asks, and of whom: Key wants them unless an answer is the same for all.
var Identity = []string{"Host", "Authorization", "Cookie"}

// Key returns the key of a request: that of its method, URL and body, of how many redirects it follows, and of some header fields, those among
// them that are sensitive.
func Key(r *Request, vary []string) string {
	h := sha256.New()
	for _, part := range []string{methodOf(r), r.URL, r.Body, strconv.Itoa(r.Redirects)} {
		part = strconv.Itoa(len(part)) + ":" + part
		_, _ = h.Write([]byte(part))
	}
	for _, name := range slices.Concat(vary, r.Sensitive) {
		for _, value := range r.Header.Values(name) {
			_, _ = fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(value), value)
		}
	}
	return keyOf(h)
}

// OwnKey returns the key for what somebody else has made one of.
func OwnKey(text string) string {
	h := sha256.New()
	_, _ = h.Write([]byte("own:" + text))
	return keyOf(h)
}

func keyOf(h hash.Hash) string { return "http:" + hex.EncodeToString(h.Sum(nil)) }

// Do returns the answer that is kept for a key, or asks for one and keeps it. Without a store it asks. Whoever comes while somebody asks waits
// for that answer, within the time and for the size of body that r has; if it fails because its own caller has left, or for what that caller
// takes, the next one asks.
func (c *Cache) Do(ctx context.Context, space *kv.Space, key string, how *Caching, r *Request, ask func(context.Context) (*Response, error)) (*Response, error) {
	if space == nil {
		return ask(ctx)
	}
	own, cancel := context.WithTimeoutCause(ctx, r.timeout(), r.late(nil))
	defer cancel()
	for {
		old, fresh := load(own, space, key)
		if fresh {
			return r.taken(old, nil)
		}
		f, first := c.join(key, r.maxBody())
		if first {
			c.lead(own, space, key, how, f, ask)
			return r.taken(orStale(f.res, f.err, old))
		}
		select {
		case <-f.done:
		case <-own.Done():
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case own.Err() != nil:
			return r.taken(orStale(nil, context.Cause(own), old))
		case !f.left && !f.refuses(r):
			return r.taken(orStale(f.res, f.err, old))
		}
	}
}

// refuses reports whether the flight failed for a body that r takes.
func (f *flight) refuses(r *Request) bool { return isOwn(f.err, TooLarge) && r.maxBody() > f.most }

// taken returns an answer that somebody else may have asked for, unless its body is larger than what r takes.
func (r *Request) taken(res *Response, err error) (*Response, error) {
	if err == nil && int64(len(res.Body)) > r.maxBody() {
		return nil, tooLarge(r.maxBody())
	}
	return res, err
}

// isOwn reports whether an error is one of the call, not of whoever made it, and of one of some kinds if there are any.
func isOwn(err error, kinds ...Kind) bool {
	failed, ok := err.(*Error)
	return ok && (len(kinds) == 0 || slices.Contains(kinds, failed.Kind))
}

// join returns the flight of a key, and whether it is a new one.
func (c *Cache) join(key string, most int64) (f *flight, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[key]; ok {
		return f, false
	}
	if c.flights == nil {
		c.flights = map[string]*flight{}
	}
	f = &flight{done: make(chan struct{}), most: most}
	c.flights[key] = f
	return f, true
}

// lead asks for all that wait.
func (c *Cache) lead(ctx context.Context, space *kv.Space, key string, how *Caching, f *flight, ask func(context.Context) (*Response, error)) {
	f.left = true // unless it returns
	defer func() {
		c.mu.Lock()
		delete(c.flights, key)
		c.mu.Unlock()
		close(f.done)
	}()
	f.res, f.err = ask(ctx)
	if f.left = f.err != nil && (ctx.Err() != nil || !isOwn(f.err) || isOwn(f.err, Timeout, Busy)); f.err == nil {
		if ttl := how.keeps(f.res); ttl > 0 {
			store(ctx, space, key, f.res, ttl, how.Stale)
		}
	}
}

// orStale returns an answer, or the one before if that is none.
func orStale(res *Response, err error, old *Response) (*Response, error) {
	if old != nil && (err != nil && isOwn(err) || err == nil && res.Status >= 500) {
		return old, nil
	}
	return res, err
}

// keeps returns for how long an answer is kept, 0 if it is not.
func (how *Caching) keeps(res *Response) time.Duration {
	ttl := time.Duration(0)
	switch {
	case slices.Contains([]int{http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent}, res.Status):
		ttl = how.TTL
	case res.Status == http.StatusNotFound, res.Status == http.StatusGone, slices.Contains(how.NegativeStatus, res.Status):
		ttl = how.Negative
	}
	if !how.Respect || ttl <= 0 {
		return ttl
	}
	if len(res.Header["Set-Cookie"]) > 0 || !how.varies(res.Header) {
		return 0
	}
	age, _ := strconv.Atoi(res.Header.Get("Age"))
	maxAge, shared := -1, false
	for directive := range strings.SplitSeq(strings.Join(res.Header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(textproto.TrimString(directive)), "=")
		switch name {
		case "no-store", "no-cache", "private":
			return 0
		case "max-age", "s-maxage":
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil {
				return 0 // what cannot be read is not fresh
			}
			if name == "s-maxage" || !shared {
				maxAge, shared = seconds, name == "s-maxage"
			}
		}
	}
	if maxAge >= 0 {
		ttl = min(ttl, time.Duration(min(maxAge, 1<<31)-max(age, 0))*time.Second)
	}
	return max(ttl, 0)
}

// varies reports whether all that an answer depends on is in the key.
func (how *Caching) varies(h http.Header) bool {
	for name := range strings.SplitSeq(strings.Join(h.Values("Vary"), ","), ",") {
		name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
		if name != "" && name != "Accept-Encoding" && !slices.ContainsFunc(how.Vary, func(v string) bool { return strings.EqualFold(v, name) }) {
			return false
		}
	}
	return true
}

// kept is the first line of what is stored; the body follows.
type kept struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	URL    string      `json:"url"`
	Until  int64       `json:"until"` // in milliseconds
}

// load returns what is kept for a key, nil if it is nothing, and whether that is fresh. A store that fails is as one that is empty.
func load(ctx context.Context, space *kv.Space, key string) (res *Response, fresh bool) {
	start := time.Now()
	got, err := space.Do(ctx, kv.Op{Kind: kv.Get, Key: key})
	if err != nil || !got.OK {
		return nil, false
	}
	line, body, ok := bytes.Cut(got.Value, []byte("\n"))
	var k kept
	if !ok || json.Unmarshal(line, &k) != nil {
		return nil, false
	}
	return &Response{Status: k.Status, Header: k.Header, URL: k.URL, Body: string(body), Elapsed: time.Since(start)}, start.UnixMilli() < k.Until
}

// store keeps an answer. What the store does not take is not kept.
func store(ctx context.Context, space *kv.Space, key string, res *Response, ttl, stale time.Duration) {
	line, err := json.Marshal(kept{res.Status, res.Header, res.URL, time.Now().Add(ttl).UnixMilli()})
	if err != nil {
		return
	}
	value := slices.Concat(line, []byte("\n"), []byte(res.Body))
	_, _ = space.Do(ctx, kv.Op{Kind: kv.Set, Key: key, Value: value, HasValue: true, TTL: ttl + stale})
}

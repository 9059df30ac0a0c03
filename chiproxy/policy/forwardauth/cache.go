package forwardauth

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
)

// Caching is for how long verdicts are remembered, and which requests share one.
type Caching struct {
	// TTL is for requests that pass, and Negative for those that get 401 or 403, 0 for none. No other verdict is remembered, and none that
	// sets a cookie, which is for one client.
	TTL, Negative time.Duration
	// Key is what tells apart those who ask. Nothing is remembered for requests that have nothing of it.
	Key []string
	// PerHost has a verdict hold for all that is asked of a host. Otherwise it holds for one method and URL.
	PerHost bool
	// Instance and Tenant have the memory, which outlives tables, and Most is how many bytes it holds at most. Default: 8 MiB.
	Instance, Tenant string
	Most             int64
}

const defaultMost = 8 << 20

// memory is what middleware has of the cache of its tenant.
type memory struct {
	*Caching
	// who is the part of the key that says who asks, and where the rest.
	who, where key.Key
	cache      *cache
	// prefix tells the middleware from others.
	prefix [sha256.Size]byte
}

// memory checks what is asked for.
func (c *Caching) memory() (*memory, error) {
	if c.TTL <= 0 {
		return nil, errors.New("ttl is missing; expected seconds above 0")
	}
	if len(c.Key) == 0 {
		return nil, fmt.Errorf("key is missing; %s", expectedKey)
	}
	whole, err := key.Parse(c.Key...)
	if err != nil {
		return nil, err
	}
	var who, where []string
	for _, text := range whole.Strings() {
		if strings.Contains(text, ":") && !strings.EqualFold(text, "header:Host") {
			who = append(who, text)
		} else {
			where = append(where, text)
		}
	}
	if len(who) == 0 {
		return nil, fmt.Errorf("key is %s, which many clients share; %s", whole.String(), expectedKey)
	}
	m := &memory{Caching: c}
	m.who, _ = key.Parse(who...) // as above
	if len(where) > 0 {
		m.where, _ = key.Parse(where...)
	}
	most := c.Most
	if most <= 0 {
		most = defaultMost
	}
	m.cache = cacheOf(owner{c.Instance, c.Tenant}, most)
	return m, nil
}

const expectedKey = `expected what tells apart those who ask, such as "header:Authorization" or "cookie:NAME"`

// Variables returns the names of the variables that the key reads.
func (m *Middleware) Variables() []string {
	if m.memory == nil {
		return nil
	}
	return m.memory.who.Variables()
}

// of returns the memory of bound middleware. What another place, pool or option has found out, it does not know.
func (m *memory) of(b *Middleware) *memory {
	own := *m
	own.prefix = sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %v %v %v",
		b.At.String(), b.pool.Tenant, b.pool.At.String(), b.Pool, b.Path, b.Copies, m.Key, m.TTL, m.Negative, m.PerHost))
	return &own
}

// place is where a verdict is remembered; the zero place is nowhere.
type place struct {
	memory *memory
	id     [sha256.Size]byte
}

// recall returns the verdict on a request, nil if there is none, and where to remember one.
func (m *memory) recall(ex *chiproxy.Exchange) (*verdict, place) {
	if !m.clear(ex.R) {
		return nil, place{}
	}
	var room [1024]byte
	text, start := append(room[:0], m.prefix[:]...), len(m.prefix)
	text, _ = m.who.Append(text, ex)
	if isEmpty(text[start:]) {
		return nil, place{}
	}
	text = binary.BigEndian.AppendUint32(text, uint32(len(text)-start))
	start = len(text)
	text, _ = m.where.Append(text, ex)
	text = binary.BigEndian.AppendUint32(text, uint32(len(text)-start))
	proto, host := forwarded(ex)
	text = appendPart(appendPart(text, proto), host)
	if !m.PerHost {
		text = appendPart(appendPart(text, methodOf(ex)), originalURI(ex))
	}
	at := place{m, sha256.Sum256(text)} // it is secret, and may be long
	return m.cache.get(at.id, time.Now()), at
}

// appendPart appends a text, whose length behind it says where it begins: parsed from the end, all is clear.
func appendPart(dst []byte, text string) []byte {
	return binary.BigEndian.AppendUint32(append(dst, text...), uint32(len(text)))
}

// isEmpty reports whether a key has nothing but the lengths of what is missing.
func isEmpty(key []byte) bool {
	for _, c := range key {
		if c != 0 {
			return false
		}
	}
	return true
}

// clear reports whether nothing of the key is in the request twice, where the server may read another value than the key has.
func (m *memory) clear(r *http.Request) bool {
	for _, text := range m.Key {
		switch kind, name, _ := strings.Cut(text, ":"); kind {
		case "header":
			if len(r.Header[http.CanonicalHeaderKey(name)]) > 1 {
				return false
			}
		case "cookie":
			if cookies(r.Header["Cookie"], name) > 1 {
				return false
			}
		case "query":
			n := 0
			rawquery.Each(r.URL.RawQuery, func(other, _ string) bool {
				if other == name {
					n++
				}
				return n < 2
			})
			if n > 1 {
				return false
			}
		}
	}
	return true
}

// cookies returns how many cookies have a name.
func cookies(lines []string, name string) (n int) {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if other, _, _ := strings.Cut(pair, "="); strings.TrimSpace(other) == name {
				n++
			}
		}
	}
	return n
}

// remember remembers a verdict, if it is one to remember.
func (p place) remember(v *verdict) {
	if p.memory == nil || len(v.cookies) > 0 || len(v.header["Set-Cookie"]) > 0 {
		return
	}
	ttl := time.Duration(0)
	switch {
	case v.passes():
		ttl = p.memory.TTL
	case v.status == http.StatusUnauthorized, v.status == http.StatusForbidden:
		ttl = p.memory.Negative
	}
	if ttl > 0 {
		p.memory.cache.put(p.id, v, time.Now().Add(ttl))
	}
}

// owner is whose cache it is.
type owner struct{ instance, tenant string }

// caches are those of the process. One lives as long as middleware has it, so that the next table has it, too.
var caches = struct {
	sync.Mutex
	of map[owner]weak.Pointer[cache]
}{of: map[owner]weak.Pointer[cache]{}}

func cacheOf(o owner, most int64) *cache {
	caches.Lock()
	defer caches.Unlock()
	if c := caches.of[o].Value(); c != nil {
		c.resize(most)
		return c
	}
	c := &cache{most: most, known: map[[sha256.Size]byte]*list.Element{}, asked: map[[sha256.Size]byte]chan struct{}{}}
	caches.of[o] = weak.Make(c)
	runtime.AddCleanup(c, forget, o)
	return c
}

func forget(o owner) {
	caches.Lock()
	defer caches.Unlock()
	if caches.of[o].Value() == nil {
		delete(caches.of, o)
	}
}

// cache holds verdicts up to a number of bytes; then it forgets those that were not asked for the longest.
type cache struct {
	mu         sync.Mutex
	known      map[[sha256.Size]byte]*list.Element
	used       list.List // the last one in front
	held, most int64
	// asked are closed when the question of a request has its verdict, if it has one.
	asked map[[sha256.Size]byte]chan struct{}
}

// join returns what is closed when the question of another request is over, or else what ends the own one.
func (c *cache) join(id [sha256.Size]byte) (other <-chan struct{}, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.asked[id]; ok {
		return f, nil
	}
	f := make(chan struct{})
	c.asked[id] = f
	return nil, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.asked, id)
		close(f)
	}
}

// held is a verdict in a cache.
type held struct {
	id   [sha256.Size]byte
	v    *verdict
	ends time.Time
	size int64
}

func (c *cache) get(id [sha256.Size]byte, now time.Time) *verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.known[id]
	if e == nil {
		return nil
	}
	h := e.Value.(*held)
	if !now.Before(h.ends) {
		c.drop(e)
		return nil
	}
	c.used.MoveToFront(e)
	return h.v
}

func (c *cache) put(id [sha256.Size]byte, v *verdict, ends time.Time) {
	h := &held{id, v, ends, v.size()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[id]; e != nil {
		c.drop(e)
	}
	c.known[id] = c.used.PushFront(h)
	c.held += h.size
	c.shrink()
}

func (c *cache) resize(most int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = most
	c.shrink()
}

func (c *cache) shrink() {
	for c.held > c.most {
		c.drop(c.used.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	h := c.used.Remove(e).(*held)
	delete(c.known, h.id)
	c.held -= h.size
}

package routing

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// world decides what the hooks of a random specification do with one request, and logs what was asked. The
// table and the model ask the same world, one after the other.
type world struct {
	seed   uint64
	log    []string
	params string
	header http.Header
}

type mood int

const (
	lets mood = iota
	blocks
	skips
)

// roll is a number below n that depends on the hook and the request only.
func (w *world) roll(id, n int) int {
	return rand.New(rand.NewPCG(w.seed, uint64(id))).IntN(n)
}

func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) guard(id int) bool {
	ok := w.roll(id, 2) == 0
	w.note("guard %d %v", id, ok)
	return ok
}

func (w *world) holds(d *chiproxy.DataGuard) bool {
	for _, c := range d.Conditions {
		v, ok := w.header[c.Name]
		if !ok || len(c.Values) > 0 && v[0] != c.Values[0] {
			return false
		}
	}
	return true
}

func (w *world) middleware(id int) mood {
	m := lets
	switch w.roll(id, 12) {
	case 0:
		m = blocks
	case 1:
		m = skips
	}
	w.note("middleware %d %d", id, m)
	return m
}

func (w *world) action(id int) bool {
	ok := w.roll(id, 3) > 0
	w.note("action %d %v %s", id, ok, w.params)
	w.params = ""
	return ok
}

// worldHook is a guard, middleware or action that asks the world.
type worldHook struct {
	id    int
	world **world
}

func (h *worldHook) Allow(*chiproxy.Exchange) (bool, error) { return (*h.world).guard(h.id), nil }

func (h *worldHook) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

func (h *worldHook) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	switch (*h.world).middleware(h.id) {
	case blocks:
		return chiproxy.Done, nil
	case skips:
		return chiproxy.Declined, nil
	}
	ex.R.Header.Set("X-Spoiled", "yes")
	ex.R.Method = "SPOILED"
	ex.R.URL.Path = "/spoiled"
	ex.W.Header().Set("X-Spoiled", "yes")
	return next()
}

func (h *worldHook) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	w := *h.world
	w.params = ""
	if r := ex.Route(); r != nil {
		var values []string
		for _, v := range ex.Params() {
			values = append(values, v)
		}
		w.params = r.Pattern + fmt.Sprintf("%q", values)
	}
	if w.action(h.id) {
		ex.W.WriteHeader(http.StatusOK)
		return chiproxy.Done, nil
	}
	return chiproxy.Declined, nil
}

// worldModule is a handler of Caddy's: unlike a hook, it is known never to decline.
type worldModule struct {
	id    int
	world **world
}

func (h *worldModule) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error {
	(*h.world).note("module %d", h.id)
	return nil
}

// specMaker makes random specifications.
type specMaker struct {
	rng   *rand.Rand
	world **world
	ids   int
	// talks makes scopes say much and routes take little.
	talks bool
}

func (m *specMaker) hook() *worldHook {
	m.ids++
	return &worldHook{m.ids, m.world}
}

// chance is true once in n times.
func (m *specMaker) chance(n int) bool { return m.rng.IntN(n) == 0 }

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

func (m *specMaker) spec() chiproxy.Spec {
	s := chiproxy.Spec{MethodMismatch: chiproxy.MethodMismatch(m.rng.IntN(2))}
	s.Default.Root = m.scope(chiproxy.Group, 3)
	for i := range m.rng.IntN(4) {
		t := chiproxy.Tenant{Name: fmt.Sprint(i), Fallthrough: m.chance(2), Priority: m.rng.IntN(6) / 4}
		if m.chance(2) {
			t.PathPrefix = pick(m.rng, "/a", "/a/b", "/B")
		}
		if m.chance(2) {
			t.Hosts = pick(m.rng, []string{"x.example"}, []string{"*.example"}, []string{"x.example", "*.example"}, []string{"z.test"})
		}
		t.Root = m.scope(chiproxy.Group, 2)
		s.Tenants = append(s.Tenants, t)
	}
	return s
}

func (m *specMaker) scope(kind chiproxy.ScopeKind, depth int) chiproxy.Scope {
	s := chiproxy.Scope{Kind: kind}
	for range m.rng.IntN(3) {
		if m.chance(2) {
			s.Middleware = append(s.Middleware, m.hook())
		}
	}
	switch kind {
	case chiproxy.Owner:
		s.Pattern = m.pattern(1, false)
	case chiproxy.Layer:
		if m.chance(2) {
			s.Hosts = pick(m.rng, []string{"x.example"}, []string{"*.example"}, []string{"y.example", "*.test"}, []string{"*.example", "y.example"})
		}
		for range m.rng.IntN(3) {
			s.Guards = append(s.Guards, m.hook())
		}
		s.Priority = m.rng.IntN(6) / 4
	}
	seldom := 6
	if m.talks {
		seldom = 3
	}
	if m.chance(seldom) {
		s.NotFound = &chiproxy.Answer{Action: m.hook()}
		if !m.talks && m.chance(3) {
			s.NotFound.Action = chiproxy.Next{}
		}
	}
	if m.chance(seldom) {
		s.MethodNotAllowed = &chiproxy.Answer{Action: m.hook()}
	}
	for range 1 + m.rng.IntN(4) {
		if depth > 0 && m.chance(3) {
			kind := pick(m.rng, chiproxy.Group, chiproxy.Owner, chiproxy.Owner, chiproxy.Layer)
			if m.talks && m.chance(3) {
				kind = chiproxy.Group
			}
			inner := m.scope(kind, depth-1)
			s.Items = append(s.Items, chiproxy.Item{Scope: &inner})
			continue
		}
		s.Items = append(s.Items, chiproxy.Item{Route: m.route()})
	}
	if m.chance(5) {
		s.Items = append(s.Items, m.indexed()...)
	}
	return s
}

// indexed makes so many routes with data guards on one shape that they get an index.
func (m *specMaker) indexed() []chiproxy.Item {
	pattern := m.pattern(2, true)
	var items []chiproxy.Item
	for range manyRoutes + m.rng.IntN(4) {
		r := m.route()
		r.Pattern = pattern
		c := chiproxy.Condition{Name: pick(m.rng, "X-T", "X-T", "X-U")}
		if !m.chance(4) {
			c.Values = []string{pick(m.rng, "1", "2", "3")}
		}
		if !m.chance(4) {
			r.Guards = append([]chiproxy.Guard{&chiproxy.DataGuard{Conditions: []chiproxy.Condition{c}}}, r.Guards...)
		} else if len(r.Guards) == 0 {
			r.Guards = []chiproxy.Guard{m.hook()}
		}
		items = append(items, chiproxy.Item{Route: r})
	}
	return items
}

func (m *specMaker) route() *chiproxy.Route {
	r := &chiproxy.Route{Pattern: m.pattern(3, true), Action: m.hook(), Priority: m.rng.IntN(6) / 4}
	if m.chance(2) {
		m.ids++
		r.Action = chiproxy.Module{Name: fmt.Sprint(m.ids), Handler: &worldModule{m.ids, m.world}}
	}
	if m.chance(6) {
		r.Action = chiproxy.Next{}
	}
	r.Name = fmt.Sprint(m.ids)
	if m.talks {
		r.Methods = []string{pick(m.rng, "PUT", "PATCH", "POST")}
		return r
	}
	switch m.rng.IntN(6) {
	case 0, 1:
		r.Methods = []string{"GET"}
	case 2:
		r.Methods = []string{"POST"}
	case 3:
		r.Methods = pick(m.rng, []string{"GET", "POST"}, []string{"HEAD"}, []string{"PURGE"}, []string{"CONNECT"})
	}
	for range m.rng.IntN(3) {
		if m.chance(3) {
			c := chiproxy.Condition{Name: "X-T"}
			if m.chance(2) {
				c.Values = []string{pick(m.rng, "1", "2")}
			}
			r.Guards = append(r.Guards, &chiproxy.DataGuard{Conditions: []chiproxy.Condition{c}})
		} else {
			r.Guards = append(r.Guards, m.hook())
		}
	}
	return r
}

func (m *specMaker) pattern(segments int, tail bool) string {
	p := ""
	for range m.rng.IntN(segments + 1) {
		m.ids++
		switch m.rng.IntN(10) {
		case 8:
			p += fmt.Sprintf(pick(m.rng, "/{p%d}.x", "/{p%d:[ab.]+}.x", "/a{p%d}.x"), m.ids)
		case 9:
			p += fmt.Sprintf(pick(m.rng, "/{p%d}-{q%d}", "/{p%d:[ab]*}-{q%d}.x", "/{p%d}.{q%d:x|a}"), m.ids, m.ids)
		case 0:
			p += fmt.Sprintf("/{p%d:[ab]+}", m.ids)
		case 1:
			p += fmt.Sprintf("/{p%d:a|c}", m.ids)
		case 2, 3:
			p += fmt.Sprintf("/{p%d}", m.ids)
		case 4:
			if p += "/B"; m.talks {
				p = strings.ToLower(p)
			}
		default:
			p += pick(m.rng, "/a", "/b", "/c")
		}
	}
	if p == "" && tail {
		return pick(m.rng, "/", "/*")
	}
	if p == "" {
		return "/"
	}
	if tail && m.chance(4) {
		p += pick(m.rng, "/*", "/*", "/")
	}
	return p
}

func (m *specMaker) path() string {
	p := ""
	for range m.rng.IntN(5) {
		if m.talks { // of the other spellings of a path a table finds no route that another one hides
			p += "/" + pick(m.rng, "a", "b", "c", "d", "ab", "a.x", "a.b.x", "a-b.x", "b.a")
			continue
		}
		p += "/" + pick(m.rng, "a", "b", "c", "d", "ab", "B", "A", "a%2Fb", "..%2Fb", "a%2F..%2F..%2Fc", "b", "a.x", "a.b.x", "a-b.x", "-b", "b.a")
	}
	if p == "" || m.chance(6) {
		p += "/"
	}
	return p
}

package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// talkative makes specifications in which scopes mostly say something themselves, and routes rarely take a request.
func talkative(seed uint64) *modelCase {
	c := &modelCase{seed: seed}
	c.maker = &specMaker{rng: testkit.Seeded(seed, 11), world: &c.world, talks: true}
	c.spec = c.maker.spec()
	return c
}

// refSilent says of each kind of answer in a tenant whether it is ambiguous, and how many of its declarations are never given.
func (t *refTenant) refSilent(of func(*chiproxy.Scope) *chiproxy.Answer) (ambiguous bool, silent int) {
	declared, given := map[chiproxy.Action]bool{}, map[chiproxy.Action]bool{}
	var walk func(s *refScope)
	walk = func(s *refScope) {
		if a := of(s.spec); a != nil {
			declared[a.Action] = true
		}
		paths := s.spec.Kind != chiproxy.Group || s.outer == nil
		if paths && of(s.spec) == nil && refSayingGroups(s.spec, of) > 1 {
			ambiguous = true
		}
		routes := slices.ContainsFunc(s.spec.Items, func(i chiproxy.Item) bool { return i.Route != nil })
		if paths || routes && of(&chiproxy.Scope{MethodNotAllowed: &chiproxy.Answer{}}) != nil {
			if a := s.answer(of); a != nil {
				given[a.action] = true
			}
		}
		for _, i := range s.spec.Items {
			if i.Scope != nil {
				walk(newRefScope(s, i.Scope))
			}
		}
	}
	walk(newRefScope(nil, &t.spec.Root))
	for a := range declared {
		if !given[a] {
			silent++
		}
	}
	return ambiguous, silent
}

// refSayingGroups counts the groups in a scope that say something, without those in others that do.
func refSayingGroups(s *chiproxy.Scope, of func(*chiproxy.Scope) *chiproxy.Answer) (n int) {
	for _, i := range s.Items {
		if g := i.Scope; g != nil && g.Kind == chiproxy.Group {
			if of(g) != nil {
				n++
			} else {
				n += refSayingGroups(g, of)
			}
		}
	}
	return n
}

// TestScopesAnswerForWhatStandsInThem compares scopes, groups, layers and tenants with answers of their own with the model: what
// each request gets, through which middleware, and which specifications are refused because an answer is ambiguous or never given.
func TestScopesAnswerForWhatStandsInThem(t *testing.T) {
	t.Parallel()
	specs := 6000
	if testing.Short() {
		specs = 1500
	}
	built, refused, lookups := 0, 0, 0
	for seed := range specs {
		c := talkative(uint64(seed))
		tenants := []*refTenant{newRefTenant(&c.spec.Default)}
		for i := range c.spec.Tenants {
			tenants = append(tenants, newRefTenant(&c.spec.Tenants[i]))
		}
		table, err := Build(c.spec, pool.NewSet(caddy.Context{}))
		text := fmt.Sprint(err)
		if strings.Contains(text, "more errors") {
			continue
		}
		for kind, of := range map[string]func(*chiproxy.Scope) *chiproxy.Answer{"not_found": refNotFound, "method_not_allowed": refNotAllowed} {
			ambiguous, silent := false, 0
			for _, tn := range tenants {
				a, n := tn.refSilent(of)
				ambiguous, silent = ambiguous || a, silent+n
			}
			// what stands in a scope that is refused is not looked at
			if got := strings.Contains(text, kind+" is ambiguous"); got != ambiguous && !strings.Contains(text, "owned by another") {
				t.Fatalf("%s ambiguous: %v, the model says %v: %s%s", kind, got, ambiguous, text, dumpSpec(&c.spec))
			}
			got := strings.Count(text, kind+" can never answer")
			if got > silent || silent > 0 && err == nil || got < silent && strings.HasPrefix(text, kind+" can never") && len(tenants) == 1 {
				t.Fatalf("%d %s are never given, the model says %d: %s%s", got, kind, silent, text, dumpSpec(&c.spec))
			}
		}
		if err != nil {
			refused++
			continue
		}
		built++
		c.table, c.base, c.tenants = table, tenants[0], tenants[1:]
		for range 25 {
			c.compare(t)
			lookups++
		}
	}
	if built < specs/10 || refused < specs/10 {
		t.Errorf("%d of %d specifications were built, %d refused", built, specs, refused)
	}
	t.Logf("%d specifications, %d refused, %d lookups", built, refused, lookups)
}

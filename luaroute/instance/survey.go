package instance

import (
	"cmp"
	"slices"
	"sync"

	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Need is what the scripts of a tenant would have to be allowed.
type Need struct {
	Instance, Tenant string
	// Allow is an allow block with what is missing.
	Allow string
}

// survey is the one that runs.
var survey struct {
	sync.Mutex
	running bool
	seen    seen
}

// seen is what a survey has seen.
type seen struct {
	asked []asked
	tried []Inspection
}

type asked struct {
	instance, tenant string
	*capability.Needs
}

// Survey calls f, which loads a configuration, and returns what scripts of isolated tenants use without being allowed to; and for each
// instance the sources of the scripts that it tried to run, even if they fail. Nothing is refused meanwhile, so the configuration must not
// run. It is for commands: it covers everything that loads at the same time.
func Survey(f func()) (needs []Need, tried []Inspection) {
	set := func(running bool) seen {
		survey.Lock()
		defer survey.Unlock()
		all := survey.seen
		survey.running, survey.seen = running, seen{}
		return all
	}
	set(true)
	f()
	all := set(false)
	for _, a := range all.asked {
		if block := a.String(); block != "" {
			needs = append(needs, Need{a.instance, a.tenant, block})
		}
	}
	slices.SortFunc(needs, func(a, b Need) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Tenant, b.Tenant))
	})
	return slices.Compact(needs), all.tried
}

// tries notes, if a survey runs, that the scripts of a tenant are run.
func (l *loader) tries(tenant string, set source.Set) {
	survey.Lock()
	defer survey.Unlock()
	if !survey.running {
		return
	}
	i := slices.IndexFunc(survey.seen.tried, func(in Inspection) bool { return in.Name == l.config.Name })
	if i < 0 {
		i = len(survey.seen.tried)
		survey.seen.tried = append(survey.seen.tried, l.inspect())
	}
	survey.seen.tried[i].Sources = append(survey.seen.tried[i].Sources, Sources{tenant, set})
}

// surveyed returns a Set that refuses nothing, if a survey runs.
func surveyed(instance string, s *capability.Set) *capability.Set {
	survey.Lock()
	defer survey.Unlock()
	if !survey.running {
		return s
	}
	s, needs := s.Survey()
	survey.seen.asked = append(survey.seen.asked, asked{instance, s.Tenant(), needs})
	return s
}

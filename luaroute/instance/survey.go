package instance

import (
	"cmp"
	"slices"
	"sync"

	"github.com/luaroute/caddy-luaroute/luaroute/capability"
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
	asked   []asked
}

type asked struct {
	instance, tenant string
	*capability.Needs
}

// Survey calls f, which loads a configuration, and returns what scripts of isolated tenants use without being allowed to. Nothing is
// refused meanwhile, so the configuration must not run. It is for commands: it covers everything that loads at the same time.
func Survey(f func()) []Need {
	set := func(running bool) []asked {
		survey.Lock()
		defer survey.Unlock()
		all := survey.asked
		survey.running, survey.asked = running, nil
		return all
	}
	set(true)
	f()
	var needs []Need
	for _, a := range set(false) {
		if block := a.String(); block != "" {
			needs = append(needs, Need{a.instance, a.tenant, block})
		}
	}
	slices.SortFunc(needs, func(a, b Need) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Tenant, b.Tenant))
	})
	return slices.Compact(needs)
}

// surveyed returns a Set that refuses nothing, if a survey runs.
func surveyed(instance string, s *capability.Set) *capability.Set {
	survey.Lock()
	defer survey.Unlock()
	if !survey.running {
		return s
	}
	s, needs := s.Survey()
	survey.asked = append(survey.asked, asked{instance, s.Tenant(), needs})
	return s
}

package inventory

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/pieces"
)

// Difference is what distinguishes one table from the one that it replaced.
type Difference struct {
	Routes  Changes `json:"routes"`
	Pools   Changes `json:"pools"`
	Tenants Changes `json:"tenants"`
}

// Changes are the names of things that are new, gone or changed.
type Changes struct {
	Added, Removed, Changed []string
}

// maxNames bounds each list of names in the JSON of Changes.
const maxNames = 100

// MarshalJSON writes how many there are of each, and the first of their names.
func (c Changes) MarshalJSON() ([]byte, error) {
	first := func(names []string) []string { return names[:min(len(names), maxNames)] }
	return json.Marshal(struct {
		Added        int      `json:"added"`
		Removed      int      `json:"removed"`
		Changed      int      `json:"changed"`
		AddedNames   []string `json:"added_names,omitempty"`
		RemovedNames []string `json:"removed_names,omitempty"`
		ChangedNames []string `json:"changed_names,omitempty"`
	}{len(c.Added), len(c.Removed), len(c.Changed), first(c.Added), first(c.Removed), first(c.Changed)})
}

// Compare compares two tables. A route is named by its methods, pattern, tenant and hosts, a pool by its name and tenant. Line numbers do
// not count, nor do tables and functions that functions capture.
func Compare(from, to *routing.Table) Difference {
	return Difference{
		Routes:  compare(routesOf(from), routesOf(to)),
		Pools:   compare(poolsOf(from), poolsOf(to)),
		Tenants: compare(tenantsOf(from), tenantsOf(to)),
	}
}

// thing is the name of a thing and a string of everything else that counts.
type thing struct{ name, text string }

func routesOf(t *routing.Table) []thing {
	routes := list(t, true)
	all := make([]thing, len(routes))
	var b strings.Builder
	var work pieces.Work
	for i := range routes {
		work.Step()
		r := &routes[i]
		b.Reset()
		for _, list := range [][]Part{r.Guards, r.Middleware, {r.Action}} {
			for _, o := range list {
				b.WriteString(o.Kind + " " + o.Text + "\x01")
			}
			b.WriteByte(0)
		}
		b.WriteString(r.Name + "\x00" + strconv.Itoa(r.Priority) + "\x00" + strconv.FormatUint(r.mark, 36))
		if r.Meta != nil {
			text, _ := json.Marshal(r.Meta) // plain data
			b.Write(text)
		}
		all[i] = thing{r.String(), b.String()}
	}
	return all
}

// String names the route: `GET /users/{id} tenant acme host acme.example`.
func (r *Route) String() string {
	methods := "any"
	if len(r.Methods) > 0 {
		methods = strings.Join(r.Methods, ",")
	}
	return methods + " " + r.Pattern + of(" tenant ", r.Tenant) + of(" host ", strings.Join(r.Hosts, ","))
}

func of(what, name string) string {
	if name == "" {
		return ""
	}
	return what + name
}

func poolsOf(t *routing.Table) []thing {
	pools := t.Pools()
	all := make([]thing, len(pools))
	for i, p := range pools {
		all[i] = thing{p.Name + of(" tenant ", p.Tenant), p.Key()}
	}
	return all
}

func tenantsOf(t *routing.Table) []thing {
	tenants := t.Tenants()[1:]
	all := make([]thing, len(tenants))
	for i, tn := range tenants {
		s := tn.Spec
		all[i] = thing{s.Name, strings.Join([]string{
			strings.Join(s.Hosts, ","), s.PathPrefix, strconv.FormatBool(s.StripPrefix),
			strconv.FormatBool(s.Fallthrough), strconv.Itoa(s.Priority), s.UsePool,
		}, "\x00")}
	}
	return all
}

// compare tells what is the same, then pairs what is left by name.
func compare(from, to []thing) Changes {
	same := make(map[thing]int, len(from))
	for _, x := range from {
		same[x]++
	}
	var c Changes
	var added []string
	for _, x := range to {
		if same[x] > 0 {
			same[x]--
		} else {
			added = append(added, x.name)
		}
	}
	gone := map[string]int{}
	for x, n := range same {
		if n > 0 {
			gone[x.name] += n
		}
	}
	for _, name := range added {
		if gone[name] > 0 {
			gone[name]--
			c.Changed = append(c.Changed, name)
		} else {
			c.Added = append(c.Added, name)
		}
	}
	for name, n := range gone {
		c.Removed = append(c.Removed, slices.Repeat([]string{name}, n)...)
	}
	for _, names := range [][]string{c.Added, c.Removed, c.Changed} {
		slices.Sort(names)
	}
	return c
}

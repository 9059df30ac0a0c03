package chiproxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Difference is what distinguishes one table from the one that it replaced.
type Difference struct {
	Routes, Pools, Tenants Changes
}

// Changes are the names of things that are new, gone, or there under the same name and not the same.
type Changes struct {
	Added, Removed, Changed []string
}

// None says that nothing differs.
func (c *Changes) None() bool { return len(c.Added)+len(c.Removed)+len(c.Changed) == 0 }

// Differences compares two tables. A route is named by its methods, pattern, tenant and hosts, a pool by its name and tenant. Lines
// do not count, so that a line put in at the top changes nothing; nor do tables and functions that functions capture.
func Differences(from, to *Table) Difference {
	return Difference{
		Routes:  compare(from.routeParts(), to.routeParts()),
		Pools:   compare(from.poolParts(), to.poolParts()),
		Tenants: compare(from.tenantParts(), to.tenantParts()),
	}
}

// part is the name of a thing and a text of all else that counts.
type part struct{ name, text string }

func (t *Table) routeParts() []part {
	routes := t.list(true)
	all := make([]part, len(routes))
	var b strings.Builder
	for i := range routes {
		r := &routes[i]
		b.Reset()
		for _, list := range [][]origin.Origin{r.Guards, r.Middleware, {r.Action}} {
			for _, o := range list {
				b.WriteString(o.Kind + " " + o.Text + "\x01")
			}
			b.WriteByte(0)
		}
		b.WriteString(r.Name + "\x00" + strconv.Itoa(r.Priority) + "\x00" + strconv.FormatUint(r.mark, 36))
		if r.Meta != nil {
			b.WriteString(strconv.FormatUint(asJSON(r.Meta), 36))
		}
		all[i] = part{r.String(), b.String()}
	}
	return all
}

// String names the route: `GET /users/{id} tenant acme host acme.example`.
func (r *RouteInfo) String() string {
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

func (t *Table) poolParts() []part {
	all := make([]part, len(t.pools))
	for i, p := range t.pools {
		all[i] = part{p.Name + of(" tenant ", p.Tenant), p.Key()}
	}
	return all
}

func (t *Table) tenantParts() []part {
	all := make([]part, len(t.tenants))
	for i, tn := range t.tenants {
		s := tn.spec
		all[i] = part{s.Name, strings.Join([]string{
			strings.Join(s.Hosts, ","), s.PathPrefix, strconv.FormatBool(s.StripPrefix),
			strconv.FormatBool(s.Fallthrough), strconv.Itoa(s.Priority), s.UsePool,
		}, "\x00")}
	}
	return all
}

// compare tells what is the same, then pairs what is left by name.
func compare(from, to []part) Changes {
	same := make(map[part]int, len(from))
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

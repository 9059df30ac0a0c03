package routing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

func TestATableHasTheHostsThatAreServedAndNoOthers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	table := mustBuild(t, chiproxy.Spec{
		Tenants: []chiproxy.Tenant{
			{Name: "t", Hosts: []string{"A.example", "*.b.example", "bücher.example", "192.0.2.1", "2001:db8::1"}},
			{Name: "all"},
			{Name: "prefix", PathPrefix: "/p", Root: root(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"p.example"}}, at("/", say(""))))},
			{Name: "narrow", Hosts: []string{"n.example"}, Root: root(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"*.example"}}, at("/", say(""))))},
		},
		Default: chiproxy.Tenant{Root: root(
			in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"c.example", "*.c.example"}},
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"x.c.example"}}, at("/", say("")))),
			in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"w.d.example"}},
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"*.d.example"}}, at("/", say("")))),
		)},
	})
	for host, want := range map[string]bool{
		"a.example": true, "A.EXAMPLE": true, "a.example.": true, "b.a.example": false, "example": false,
		"x.b.example": true, "b.example": false, "x.y.b.example": false, ".b.example": false, "*.b.example": false,
		long + ".b.example": true, long + "a.b.example": false,
		"xn--bcher-kva.example": true, "BÜCHER.example": true, "bucher.example": false,
		"192.0.2.1": true, "192.0.2.2": false, "2001:db8::1": true, "2001:DB8:0::1": true, "2001:db8::2": false,
		"p.example": true, "n.example": true, "never.example": false,
		"c.example": true, "x.c.example": true, "y.c.example": true, "elsewhere.c.other": false,
		"w.d.example": true, "v.d.example": false,
		"a.example:443": false, "[2001:db8::1]": false, "2001:db8::1%eth0": false,
		"other.example": false, "": false, ".": false, "a b": false, "a.example/": false, "\xff.b.example": false,
	} {
		if got := table.HasHost(host); got != want {
			t.Errorf("%q: got %v", host, got)
		}
	}
}

func TestANameThatIsTooLongForDNSIsNotServed(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 50)
	domain := strings.Join([]string{label, label, label, label}, ".")
	table := mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"*." + domain}}}})
	if first := strings.Repeat("b", 253-len(domain)-1); !table.HasHost(first + "." + domain) {
		t.Error("a name of 253 bytes is refused")
	} else if table.HasHost(first + "b." + domain) {
		t.Error("a name of 254 bytes is served")
	}
}

// certifierFunc is a Certifier that is a function.
type certifierFunc func(name string) (chiproxy.Ruling, error)

func (f certifierFunc) Rule(_ context.Context, name string) (chiproxy.Ruling, error) { return f(name) }

func TestACertifierAddsAndVetoes(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	rulings := map[string]chiproxy.Ruling{"added.example": chiproxy.Added, "vetoed.example": chiproxy.Vetoed}
	var asked []string
	table := mustBuild(t, chiproxy.Spec{
		Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"a.example", "vetoed.example", "broken.example"}}},
		Certifier: certifierFunc(func(name string) (chiproxy.Ruling, error) {
			asked = append(asked, name)
			if name == "broken.example" {
				return chiproxy.Added, broken
			}
			return rulings[name], nil
		}),
	})
	for _, row := range []struct {
		host string
		want bool
		err  error
	}{
		{"A.example", true, nil},
		{"other.example", false, nil},
		{"ADDED.example.", true, nil},
		{"vetoed.example", false, nil},
		{"broken.example", false, broken},
		{"no host", false, nil},
		{"added.example:443", false, nil},
	} {
		got, err := table.Certify(t.Context(), row.host)
		if got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: got %v, %v", row.host, got, err)
		}
	}
	if got, want := fmt.Sprint(asked), "[a.example other.example added.example vetoed.example broken.example]"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

func TestARetiredTableRulesOnNothing(t *testing.T) {
	t.Parallel()
	table := mustBuild(t, chiproxy.Spec{
		Tenants:   []chiproxy.Tenant{{Name: "t", Hosts: []string{"a.example"}}},
		Certifier: certifierFunc(func(string) (chiproxy.Ruling, error) { panic("asked after the end") }),
	})
	table.Retire()
	if ok, err := table.Certify(t.Context(), "a.example"); ok || !errors.Is(err, ErrRetired) {
		t.Errorf("got %v, %v", ok, err)
	}
}

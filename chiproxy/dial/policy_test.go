package dial_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
)

// names is a resolver of a few names.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range n[host] {
		ip := netip.MustParseAddr(text)
		if network == "ip" || ip.Is4() == (network == "ip4") {
			all = append(all, ip)
		}
	}
	return all, nil
}

var resolver = names{
	"app.example": {"10.0.0.7"}, "inner.example": {"127.0.0.1"}, "INNER.example.": {"127.0.0.1"}, "both.example": {"127.0.0.1", "10.0.0.7", "fd00:ec2::254"},
	"mapped.example": {"::ffff:127.0.0.1"}, "nat.example": {"64:ff9b::a9fe:a9fe"}, "2130706433": {"127.0.0.1"}, "0x7f.1": {"127.0.0.1"},
	"a.b.example": {"10.0.0.7"}, "none.example": nil,
}

func TestAnAddressIsJudgedByWhatItIsWhenItIsDialled(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ policy, address, want string }{
		{"network", "10.0.0.7:80", "10.0.0.7:80"},
		{"network", "app.example:http", "10.0.0.7:80"},
		{"network", "93.184.215.14:80", "93.184.215.14:80"},
		{"network", "127.0.0.1:80", "a loopback address"},
		{"network", "127.1.2.3:80", "a loopback address"},
		{"network", "inner.example:80", "inner.example: 127.0.0.1:80 is a loopback address"},
		{"network", "both.example:80", "10.0.0.7:80"},
		{"network", "mapped.example:80", "a loopback address"},
		{"network", "nat.example:80", "a link-local address"},
		{"network", "2130706433:80", "a loopback address"},
		{"network", "0x7f.1:80", "a loopback address"},
		{"network", ":80", "a loopback address"},
		{"network", "0.0.0.0:80", "a loopback address"},
		{"network", "[::]:80", "a loopback address"},
		{"network", "[::1]:80", "a loopback address"},
		{"network", "[::ffff:7f00:1]:80", "a loopback address"},
		{"network", "[::7f00:1]:80", "a loopback address"},
		{"network", "[64:ff9b::7f00:1]:80", "a loopback address"},
		{"network", "[64:ff9b:1::7f00:1]:80", "a loopback address"},
		{"network", "[64:ff9b::a00:7]:80", "[64:ff9b::a00:7]:80"},
		{"network", "[2002:7f00:1::1]:80", "a loopback address"},
		{"network", "[fe80::1%lo]:80", "a link-local address"},
		{"network", "[fe80::1]:80", "a link-local address"},
		{"network", "169.254.169.254:80", "a link-local address"},
		{"network", "[::ffff:169.254.169.254]:80", "a link-local address"},
		{"network", "[fd00:ec2::254]:80", "metadata"},
		{"network", "100.100.100.200:80", "metadata"},
		{"network", "168.63.129.16:80", "metadata"},
		{"network", "none.example:80", "none.example has no address"},
		{"public", "93.184.215.14:443", "93.184.215.14:443"},
		{"public", "10.0.0.7:80", "a private address"},
		{"public", "192.168.1.1:80", "a private address"},
		{"public", "172.31.0.1:80", "a private address"},
		{"public", "100.64.0.1:80", "a private address"},
		{"public", "[fd12::1]:80", "a private address"},
		{"public", "[64:ff9b::a00:7]:80", "a private address"},
		{"public", "192.0.2.1:80", "a reserved address"},
		{"public", "224.0.0.1:80", "a reserved address"},
		{"public", "255.255.255.255:80", "a reserved address"},
		{"public", "[2001::1]:80", "a reserved address"},
		{"public", "app.example:80", "a private address"},
		{"none", "93.184.215.14:443", "it needs `upstreams 93.184.215.14`"},
		{"all", "127.0.0.1:80", "127.0.0.1:80"},
		{"all", "[fe80::1%lo]:80", "[fe80::1%lo]:80"},
		{"all", "inner.example:80", "127.0.0.1:80"},
		{"network 127.0.0.1", "127.0.0.1:80", "127.0.0.1:80"},
		{"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80"},
		{"127.0.0.1:80", "127.0.0.1:81", "it needs `upstreams 127.0.0.1:80 127.0.0.1`"},
		{"[::1]:80", "[::1]:80", "[::1]:80"},
		{"127.0.0.0/8", "[::ffff:127.0.0.1]:80", "127.0.0.1:80"},
		{"::ffff:127.0.0.0/104", "127.0.0.1:80", "127.0.0.1:80"},
		{"10.0.0.0/8", "app.example:80", "10.0.0.7:80"},
		{"10.0.0.0/8", "192.168.1.1:80", "a private address"},
		{"inner.example:80", "inner.example:80", "127.0.0.1:80"},
		{"inner.example:80", "INNER.example.:80", "127.0.0.1:80"},
		{"inner.example:80", "inner.example:81", "a loopback address"},
		{"inner.example", "inner.example:81", "127.0.0.1:81"},
		{"*.example", "inner.example:81", "127.0.0.1:81"},
		{"*.example", "a.b.example:81", "a private address"},
		{"inner.example:80", "127.0.0.1:80", "a loopback address"},
	} {
		p, err := dial.Parse(strings.Fields(row.policy))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Resolve(t.Context(), resolver, "tcp", row.address)
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if err == nil && text != row.want || err != nil && !strings.Contains(text, row.want) {
			t.Errorf("%s may dial %s: %s; want %s", row.policy, row.address, text, row.want)
		}
	}
}

func TestOnlyNetworksThatAreKnownAreDialled(t *testing.T) {
	t.Parallel()
	p, err := dial.Parse([]string{"network", "unix//run/app/a.sock", "unix/@abstract"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		network, address string
		allowed          bool
	}{
		{"tcp4", "10.0.0.7:80", true},
		{"udp", "10.0.0.7:53", true},
		{"unix", "/run/app/a.sock", true},
		{"unix", "/run/../run/app/a.sock", true},
		{"unix", "@abstract", true},
		{"unix", "/run/app/b.sock", false},
		{"unix", "@other", false},
		{"unixgram", "/run/app/b.sock", false},
		{"ip4:icmp", "10.0.0.7", false},
		{"fd", "3", false},
		{"plugin", "10.0.0.7:80", false},
	} {
		_, err := p.Resolve(t.Context(), resolver, row.network, row.address)
		if (err == nil) != row.allowed {
			t.Errorf("%s %s: %v", row.network, row.address, err)
		}
	}
}

func TestAFamilyIsKeptWhenANameIsResolved(t *testing.T) {
	t.Parallel()
	p, _ := dial.Parse([]string{"all"})
	got, err := p.Resolve(t.Context(), resolver, "tcp6", "both.example:80")
	if err != nil || !slices.Equal(got, []string{"[fd00:ec2::254]:80"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAPolicyIsReadWord(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"":                     "found nothing",
		"none network":         "none stands alone",
		"10.0.0.0/33":          "expected network, public",
		"localhost:port":       `"port" is not a port`,
		"a.example:0":          `"0" is not a port`,
		"a.example:65536":      `"65536" is not a port`,
		"http://a.example":     "expected",
		"*":                    "expected network",
		"a.*.example":          "expected network",
		"0x7f.1":               "expected network",
		"2130706433":           "expected network",
		"017700000001":         "expected network",
		"unix/":                "expected network",
		"a..example":           "expected network",
		"network public all":   "",
		"[::1]:80 ::1 fe80::1": "",
		"a_b.example:1":        "",
	} {
		_, err := dial.Parse(strings.Fields(words))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", words, err, want)
		}
	}
}

func TestANarrowerPolicyHasNothingThatIsNotInTheWiderOne(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		wide    string
		in, out []string
	}{
		{"all", []string{"all", "network", "127.0.0.1", "x.example", "unix//x"}, nil},
		{"network", []string{"network", "public", "none", "10.0.0.0/8", "93.184.215.14:80", "192.0.2.0/24"}, []string{
			"all", "127.0.0.1", "0.0.0.0/0", "169.0.0.0/8", "::/0", "64:ff9b::/96", "x.example", "unix//x", "2002::/16", "168.63.129.0/24",
		}},
		{"public", []string{"public", "93.184.215.0/24"}, []string{"network", "10.0.0.1", "192.0.2.1"}},
		{"none", []string{"none"}, []string{"public", "10.0.0.1"}},
		{"10.0.0.0/8 *.in.example:443 unix//a", []string{"10.1.0.0/16", "10.0.0.1:80", "x.in.example:443", "*.in.example:443", "unix//a"}, []string{
			"9.0.0.0/7", "10.0.0.0/7", "x.in.example", "x.in.example:80", "in.example:443", "*.x.in.example:443", "unix//b", "network",
		}},
		{"in.example", []string{"in.example:80"}, []string{"*.in.example", "x.in.example"}},
	} {
		p, err := dial.Parse(strings.Fields(row.wide))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range row.in {
			if err := p.Covers(word); err != nil {
				t.Errorf("%s: %v", row.wide, err)
			}
		}
		for _, word := range row.out {
			if err := p.Covers(word); err == nil {
				t.Errorf("%s covers %s", row.wide, word)
			}
		}
	}
}

func TestADialerDialsOnlyWhatIsAllowed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for words, allowed := range map[string]bool{"network": false, "127.0.0.0/8": true, "": true} {
		p, err := dial.Parse(strings.Fields(words))
		if words == "" {
			p, err = nil, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		conn, err := p.Dialer(new(net.Dialer))(t.Context(), "tcp", l.Addr().String())
		if (err == nil) != allowed {
			t.Errorf("%q: %v", words, err)
		}
		if conn != nil {
			conn.Close()
		}
	}
}

func TestARefusalSaysWhatWouldLetItPass(t *testing.T) {
	t.Parallel()
	p, _ := dial.Parse([]string{"public"})
	_, err := p.Resolve(t.Context(), resolver, "tcp", "app.example:80")
	var r *dial.Refusal
	if !errors.As(err, &r) || r.Needs != "10.0.0.7" {
		t.Fatalf("got %v", err)
	}
	wider, err := dial.Parse(append(p.Words(), r.Needs))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wider.Resolve(t.Context(), resolver, "tcp", "app.example:80"); err != nil {
		t.Error(err)
	}
}

package key_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// keyOf returns the key of a request of a client.
func keyOf(t *testing.T, k *key.Key, r *http.Request, client string) (text string, complete bool) {
	t.Helper()
	table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		caddyhttp.SetVar(ex.R.Context(), "color", "red")
		caddyhttp.SetVar(ex.R.Context(), "size", 7)
		var key []byte
		key, complete = k.Append(nil, ex)
		text = string(key)
		return nil
	}))
	policytest.ServeFrom(table, r, client)
	return text, complete
}

func parsed(t *testing.T, texts ...string) *key.Key {
	t.Helper()
	k, err := key.Parse(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func TestAKeyIsWhatTheRequestHas(t *testing.T) {
	t.Parallel()
	request := func() *http.Request {
		return policytest.Request("GET", "http://Shop.Example:8080/items/5?q=a%20b&q=2", "X-Key", "k1", "X-Key", "k2", "Cookie", "sid=abc; sid=def")
	}
	for text, want := range map[string]string{
		"all": "", "client_ip": "192.0.2.1", "host": "shop.example", "route": "item", "tenant": "",
		"header:x-key": "k1", "header:Host": "shop.example", "cookie:sid": "abc", "query:q": "a b", "param:id": "5", "var:color": "red", "var:size": "7",
	} {
		if got, complete := keyOf(t, parsed(t, text), request(), policytest.Client); got != want || !complete {
			t.Errorf("%s is %q, complete %v; want %q", text, got, complete, want)
		}
	}
	for _, text := range []string{"header:X-None", "cookie:none", "query:none", "param:none", "var:none"} {
		if got, complete := keyOf(t, parsed(t, text), request(), policytest.Client); got != "" || complete {
			t.Errorf("%s is %q, complete %v; want nothing", text, got, complete)
		}
	}
}

func TestAClientOfIPv6IsItsNetwork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		client string
		bits   int
		want   string
	}{
		{"2001:db8:1:2:3:4:5:6", 0, "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::1", 0, "2001:db8:1:2::/64"},
		{"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6/128"},
		{"2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::/48"},
		{"::ffff:192.0.2.7", 0, "192.0.2.7"},
		{"fe80::1%eth0", 0, "fe80::/64"},
	} {
		k := parsed(t, "client_ip")
		k.IPv6 = c.bits
		if got, _ := keyOf(t, k, policytest.Request("GET", "/items/1"), c.client); got != c.want {
			t.Errorf("%s by %d is %q; want %q", c.client, c.bits, got, c.want)
		}
	}
}

// FuzzKeysOfTwoRequestsAreEqualOnlyIfTheirValuesAre is about joining: no value may look like the end of one and the beginning of the next.
func FuzzKeysOfTwoRequestsAreEqualOnlyIfTheirValuesAre(f *testing.F) {
	f.Add("a", "b", "ab", "")
	f.Add("a\x00\x00\x00\x01", "b", "a", "\x00\x00\x00\x01b")
	f.Add(strings.Repeat("a", 300), "b", strings.Repeat("a", 299), "ab")
	f.Fuzz(func(t *testing.T, a1, b1, a2, b2 string) {
		k := parsed(t, "var:a", "var:b")
		of := func(a, b string) string {
			var text string
			table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
				caddyhttp.SetVar(ex.R.Context(), "a", a)
				caddyhttp.SetVar(ex.R.Context(), "b", b)
				key, _ := k.Append([]byte("before"), ex)
				text = string(key)
				return nil
			}))
			policytest.Serve(table, policytest.Request("GET", "/items/1"))
			return text
		}
		one, two := of(a1, b1), of(a2, b2)
		if same := a1 == a2 && b1 == b2; same != (one == two) {
			t.Errorf("%q, %q and %q, %q have the keys %q and %q", a1, b1, a2, b2, one, two)
		}
		if len(one) > len("before")+key.MaxLength || !strings.HasPrefix(one, "before") {
			t.Errorf("a key of %d bytes: %q", len(one), one)
		}
	})
}

func TestAKeyThatNothingTellsApartIsRefusedWithWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"clientip": `did you mean "client_ip"?`, "header": "expected all, client_ip", "header:": "expected all", "header:a b": "a b", "cookie:a=b": "is not a cookie name",
		"": "expected all", "ip:x": "expected all",
	} {
		if _, err := key.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q in it", text, err, want)
		}
	}
	if _, err := key.Parse("all", "host"); err == nil {
		t.Error("all with something else is no key")
	}
	if _, err := key.Parse(); err == nil {
		t.Error("nothing is no key")
	}
}

func TestAKeyOfHeaderAndClientAllocatesNothing(t *testing.T) {
	k := parsed(t, "client_ip", "header:X-Key", "param:id", "route", "host")
	buffer := make([]byte, 0, 512)
	table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		if n := testkit.Allocs(100, func() { buffer, _ = k.Append(buffer[:0], ex) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		return nil
	}))
	policytest.Serve(table, policytest.Request("GET", "/items/5", "X-Key", "k1"))
}

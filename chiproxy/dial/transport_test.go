package dial

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
)

func TestNothingIsDialledBesideTheCheck(t *testing.T) {
	t.Parallel()
	for inner, want := range map[string]string{
		``:                    "",
		`{"protocol":"http"}`: "",
		`{"protocol":"http","network_proxy":{"from":"none"}}`:                         "",
		`{"protocol":"http","network_proxy":{"from":"url","url":"http://a:1"}}`:       "a proxy dials addresses that cannot be checked",
		`{"protocol":"http","forward_proxy_url":"http://a:1"}`:                        "a proxy dials addresses that cannot be checked",
		`{"protocol":"http","versions":["3"],"tls":{}}`:                               "dials in a way that cannot be checked",
		`{"protocol":"http","resolver":{"addresses":["10.0.0.53"]}}`:                  "",
		`{"protocol":"http","resolver":{"addresses":["127.0.0.53"]}}`:                 `resolver "127.0.0.53": 127.0.0.53:53 is a loopback address`,
		`{"protocol":"http","resolver":{"addresses":["dns.example"]}}`:                "expected an IP address",
		`{"protocol":"http","resolver":{"addresses":["unix//run/dns.sock"]}}`:         "expected an IP address",
		`{"protocol":"http","tls":{"server_name":"{http.request.host}"}}`:             "",
		`{"protocol":"http","proxy_protocol":"v2","tls":{"server_name":"a.example"}}`: "",
	} {
		transport := &Transport{Upstreams: []string{"network"}, TransportRaw: json.RawMessage(inner)}
		if inner == "" {
			transport.TransportRaw = nil
		}
		err := transport.Provision(testcaddy.Context(t))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", inner, err, want)
			continue
		}
		if err != nil {
			continue
		}
		plain := transport.inner.(*reverseproxy.HTTPTransport).Transport
		if plain.Proxy != nil {
			t.Errorf("%s: the proxies of the environment are used", inner)
		}
		if _, err := plain.DialContext(t.Context(), "tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "a loopback address") {
			t.Errorf("%s: dialling says %v", inner, err)
		}
		if tls := plain.DialTLSContext; tls != nil {
			if _, err := tls(t.Context(), "tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "a loopback address") {
				t.Errorf("%s: dialling by TLS says %v", inner, err)
			}
		}
		if err := transport.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}

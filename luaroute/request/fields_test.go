package request_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestAFieldOfTheRequestIsRead(t *testing.T) {
	t.Parallel()
	const line = "POST /p/a%2Fb%20c/d/e?page=2&page=3&empty=&x=%26"
	fields := []string{"Host: Shop.Example:8443", "X-A: 1", "X-A: 2", "Cookie: sid=s1; sid=s2; other=o", "Content-Type: application/json"}
	for expression, want := range map[string]string{
		"req.method":                         "POST",
		"req.scheme":                         "http",
		"req.host":                           "Shop.Example",
		"req.port":                           "8443",
		"req.path":                           "/p/a/b c/d/e",
		"req.raw_path":                       "/p/a%2Fb%20c/d/e",
		"req.uri":                            "/p/a%2Fb%20c/d/e?page=2&page=3&empty=&x=%26",
		"req.raw_query":                      "page=2&page=3&empty=&x=%26",
		"req.proto":                          "HTTP/1.1",
		"req.client_ip":                      "192.0.2.1",
		"req.remote_addr:match('^[%d.]+')":   "127.0.0.1",
		"#req.id":                            "36",
		"req.id == req.id":                   "true",
		"req.tenant":                         "",
		"req.route":                          "named",
		"req.pattern":                        "/p/{id}/{rest:[a-z]+}/*",
		"req.tls":                            "nil",
		"req.params.id":                      "a/b c",
		"req.params.rest .. req.params['*']": "de",
		"req.params.none":                    "nil",
		"req:param('id')":                    "a/b c",
		"req.headers['X-A']":                 "1",
		"req.headers['x-a']":                 "1",
		"req.headers.host":                   "Shop.Example:8443",
		"req.headers.none":                   "nil",
		"req:header('x-a')":                  "1",
		"#req:header_values('x-a')":          "2",
		"#req:header_values('none')":         "0",
		"req:header_values('Host')[1]":       "Shop.Example:8443",
		"req.query.page":                     "2",
		"req.query.empty":                    "",
		"req.query.x":                        "&",
		"req.query.none":                     "nil",
		"req:query_value('page')":            "2",
		"req:query_values('page')[2]":        "3",
		"req.cookies.sid":                    "s1",
		"req.cookies.none":                   "nil",
		"req:cookie('other')":                "o",
		"req:expand('{http.request.method} {none}.')":                              "POST .",
		"(function() req:var('v', true) return req:var('v') end)()":                "true",
		"(function() req:var('v', 5) return req:var('v') + 1 end)()":               "6",
		"(function() req:var('v', 5) req:var('v', nil) return req:var('v') end)()": "nil",
		"(function() req:var('v', 'x') return req:expand('{http.vars.v}') end)()":  "x",
		"req:body()":            `{"a":[1]}`,
		"req:json().a[1]":       "1",
		"tostring(req)":         "req",
		"tostring(req.headers)": "req.headers",
		"getmetatable(req)":     "req",
		"req.ctx == req.ctx":    "true",
		"(function() local all = {} for k, v in pairs(req.params) do all[#all + 1] = k .. '=' .. v end table.sort(all) return table.concat(all, ' ') end)()":  "*=e id=a/b c rest=d",
		"(function() local all = {} for k, v in pairs(req.query) do all[#all + 1] = k .. '=' .. v end table.sort(all) return table.concat(all, ' ') end)()":   "empty= page=2 x=&",
		"(function() local all = {} for k, v in pairs(req.cookies) do all[#all + 1] = k .. '=' .. v end table.sort(all) return table.concat(all, ' ') end)()": "other=o sid=s1",
		"(function() local n for k, v in pairs(req.headers) do if k == 'X-A' or k == 'Host' then n = (n or '') .. v end end return #n end)()":                 "18",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			s := site(t, "return 200, tostring("+expression+")")
			if a := s.Do(t, line, `{"a":[1]}`, fields...); a.Status != 200 || a.Body != want {
				t.Errorf("got %s, want %s", a, want)
			}
		})
	}
}

func TestTheHostOfAnIPv6AddressHasNoBrackets(t *testing.T) {
	t.Parallel()
	s := site(t, "return 200, req.host .. ' ' .. req.port")
	for host, want := range map[string]string{"[::1]:8080": "200 ::1 8080", "[::1]": "200 ::1 80", "a.example": "200 a.example 80"} {
		if a := s.Do(t, "/x", "", "Host: "+host); a.String() != want {
			t.Errorf("%s: got %s, want %s", host, a, want)
		}
	}
}

func TestTheConnectionOfTLSIsATable(t *testing.T) {
	t.Parallel()
	table, err := luatest.Setup{}.Load(t, `local route = require("luaroute") route:get("/*", function(req)
		local tls, c = req.tls, req.tls.client
		return 200, table.concat({ req.scheme, req.port, tls.version, tls.sni, tls.alpn, c.subject, #c.fingerprint, c.serial, c.dns_names[1] }, " ")
	end)`)
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "https://a.example/x", nil)
	r.TLS = &tls.ConnectionState{
		Version: tls.VersionTLS13, ServerName: "a.example", NegotiatedProtocol: "h2",
		PeerCertificates: []*x509.Certificate{{
			Raw: []byte("der"), Subject: pkix.Name{CommonName: "client"}, SerialNumber: big.NewInt(7), DNSNames: []string{"c.example"},
		}},
	}
	if err := table.Serve(w, luatest.Prepared(w, r), caddyhttp.HandlerFunc(nil)); err != nil {
		t.Fatal(err)
	}
	if want := "https 443 TLS 1.3 a.example h2 CN=client 64 7 c.example"; w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestAWrongUseOfTheRequestSaysWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{"local _ = req.foo", `req has no field "foo"; its fields are client_ip, cookies, ctx, headers, host, id, method, params, path, pattern, port, proto, query, raw_path, raw_query, remote_addr, route, scheme, tenant, tls, uri; its methods are `},
		{"req.path = '/y'", "req.path cannot be assigned; call req:set_path(…)"},
		{"req.foo = 1", "req.foo cannot be assigned; values of your own belong in req.ctx"},
		{"req.header('X-A')", "req:method(…) is called without req; write a colon, not a dot"},
		{"res.write('x')", "res:method(…) is called without res; write a colon, not a dot"},
		{"req:header()", "bad argument #1 to 'header' (name: string expected, got no value)"},
		{"req.params.id = 'x'", "req.params is read-only"},
		{"req.query.page = 'x'", "req.query is read-only"},
		{"req.cookies.sid = 'x'", "req.cookies is read-only"},
		{"req:var('v', print)", `var "v": a function cannot be a value; allowed are strings, numbers and booleans`},
		{"req:var('v', { 1, 'a' })", `var "v": a table cannot be a value; allowed are strings, numbers and booleans`},
		{"req:var('client_ip', 5)", `var "client_ip" belongs to Caddy and cannot be set`},
		{"req:var('client_ip', nil)", `var "client_ip" belongs to Caddy and cannot be set`},
		{"req:var('http.auth.user.id', 'ann')", `var "http.auth.user.id" belongs to Caddy and cannot be set`},
		{"req:log_field('f', print)", `log field "f": a function cannot leave the script`},
		{"res.body = 'x'", "res.body cannot be assigned; values of your own belong in req.ctx"},
	} {
		t.Run(row.call, func(t *testing.T) {
			t.Parallel()
			s := site(t, row.call+" return 204")
			if a := s.Do(t, "/x", ""); a.String() != "500" {
				t.Errorf("got %s", a)
			}
			if err := <-s.Errors; !strings.Contains(err.Error(), ": main.lua:2: "+row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

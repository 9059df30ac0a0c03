package request_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// splitting is what ends a header line, or a whole message, for one parser or another.
var splitting = []string{
	"a\r\nX-Evil: 1", "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "\r\n", "a\r", "\rb", "a\nX-Evil: 1", "\n", "a\x00b", "\x00",
	"a\r\n b", "a\r\n\tb", "a\n b", "a\vb", "a\fb", "a\bb", "a\x1b[2Jb", "a\x7fb", "a\x01b", "\xff\r\n\xfe",
}

// noTokens are no names, even if they split nothing.
var noTokens = []string{"", " ", "X A", "X-A ", "\tX-A", "X-A:", ":path", "X(A)", "X\"A", "X=A", "X/A", "é", "X-\x80", "\xff"}

// within returns what says f, and where before.
func within(where string, f func(string) string) func(string) string {
	return func(bad string) string { return where + f(bad) }
}

// Every way to set something that may split a message refuses it at the call: the script can catch the error, which says
// what was found, and both sides of the proxy see the bytes that they would have seen without the call.
func TestNothingThatAScriptSetsSplitsAMessage(t *testing.T) {
	t.Parallel()
	value := func(name string) func(string) string {
		return func(bad string) string {
			return "header " + name + ": the value " + strconv.Quote(bad) + " has a control character; only tabs are allowed"
		}
	}
	name := func(bad string) string {
		return strconv.Quote(bad) + " is not a header name; a name is a token such as X-Request-Id"
	}
	says := func(format string) func(string) string {
		return func(bad string) string { return fmt.Sprintf(format, strconv.Quote(bad)) }
	}
	location := func(bad string) string { return "redirect: " + value("Location")(bad) }
	removed := func(bad string) string { return "proxy: " + name(bad) }
	cookie := func(string) string { return "cookie: invalid" }
	for _, row := range []struct {
		call  string
		want  func(bad string) string
		names bool // what is no token is refused, too
	}{
		{"req:set_header('X-A', bad)", value("X-A"), false},
		{"req:set_header('X-A', { 'b', bad })", value("X-A"), false},
		{"req:set_header(bad, 'b')", name, true},
		{"req:set_header(bad, nil)", name, true},
		{"req:add_header('X-A', bad)", value("X-A"), false},
		{"req:add_header('X-A', { 'b', bad })", value("X-A"), false},
		{"req:add_header(bad, 'b')", name, true},
		{"req:remove_header(bad)", name, true},
		{"req.headers['X-A'] = bad", value("X-A"), false},
		{"req.headers['X-A'] = { bad, 'b' }", value("X-A"), false},
		{"req.headers[bad] = 'b'", name, true},
		{"req.headers[bad] = nil", name, true},
		{"req.headers.Cookie = bad", value("Cookie"), false},
		{"req:set_method(bad)", says("%s is not a method; a method is a token such as GET"), true},
		{"req:set_uri('/' .. bad)", func(bad string) string {
			return "URI " + strconv.Quote("/"+bad) + ": expected an encoded path that begins with /, and perhaps a query"
		}, false},
		{"req:set_uri('/x?' .. bad)", func(bad string) string {
			return "URI " + strconv.Quote("/x?"+bad) + ": expected an encoded path that begins with /, and perhaps a query"
		}, false},
		{"req:set_raw_query(bad)", says("query %s: expected an encoded query, without blanks, #, control characters, broken escapes and non-ASCII characters"), false},
		{"res.headers['X-A'] = bad", value("X-A"), false},
		{"res.headers['X-A'] = { 'b', bad }", value("X-A"), false},
		{"res.headers['Set-Cookie'] = bad", value("Set-Cookie"), false},
		{"res.headers[bad] = 'b'", name, true},
		{"res.headers[bad] = nil", name, true},
		{"res:redirect(bad)", location, false},
		{"res:redirect('https://a.example/' .. bad)", func(bad string) string { return location("https://a.example/" + bad) }, false},
		{"res:cookie{ name = bad, value = 'b' }", cookie, true},
		{"res:cookie{ name = 'a', value = bad }", cookie, false},
		{"res:cookie{ name = 'a', value = 'b', path = bad }", cookie, false},
		{"res:cookie{ name = 'a', value = 'b', domain = bad }", cookie, false},
		{"res:cookie{ name = 'a', value = 'b', same_site = bad }", says("cookie: same_site = %s; expected strings for name, "), false},
		{"route.respond(200, 'b', { ['X-A'] = bad })", value("X-A"), false},
		{"route.respond(200, 'b', { ['X-A'] = { bad } })", value("X-A"), false},
		{"route.respond(200, 'b', { [bad] = 'b' })", name, true},
		{"route.redirect(bad)", location, false},
		{"route.proxy('p', { headers = { set = { ['X-A'] = bad } } })", within("route.proxy: headers: ", value("X-A")), false},
		{"route.proxy('p', { headers = { set = { [bad] = 'b' } } })", within("route.proxy: headers: ", name), true},
		{"route.proxy('p', { headers = { add = { ['X-A'] = bad } } })", within("route.proxy: headers: ", value("X-A")), false},
		{"route.proxy('p', { headers = { add = { [bad] = 'b' } } })", within("route.proxy: headers: ", name), true},
		{"route.proxy('p', { headers = { remove = { bad } } })", removed, true},
		{"route.proxy('p', { response_headers = { set = { ['X-A'] = bad } } })", within("route.proxy: response_headers: ", value("X-A")), false},
		{"route.proxy('p', { response_headers = { set = { [bad] = 'b' } } })", within("route.proxy: response_headers: ", name), true},
		{"route.proxy('p', { response_headers = { add = { ['X-A'] = bad } } })", within("route.proxy: response_headers: ", value("X-A")), false},
		{"route.proxy('p', { response_headers = { add = { [bad] = 'b' } } })", within("route.proxy: response_headers: ", name), true},
		{"route.proxy('p', { response_headers = { remove = bad } })", removed, true},
		{"route.proxy('p', { method = 'A' .. bad })", func(bad string) string {
			return "proxy: " + strconv.Quote("A"+bad) + " is not a method; a method is a token such as GET"
		}, false},
		{"route.proxy('p', { query = bad })", says("proxy: query %s: expected an encoded query, without "), false},
	} {
		t.Run(row.call, func(t *testing.T) {
			t.Parallel()
			p := newTap(t)
			plain, site := tapped(t, p, "return 'p'"), tapped(t, p, "refuse(function() "+row.call+" end) return 'p'")
			live := tapped(t, p, "res:on_headers(function(res) refuse(function() "+row.call+" end) end) return 'p'")
			bads := splitting
			if row.names {
				bads = append(bads[:len(bads):len(bads)], noTokens...)
			}
			for _, bad := range bads {
				request := luatest.Message("GET", "/x?"+hex(bad))
				answer, forwarded := plain.Wire(t, request), p.forwarded(t)
				if got := site.Wire(t, request); got != answer {
					t.Errorf("%q: the client gets\n%q\nwithout the call it is\n%q", bad, got, answer)
				}
				if got := p.forwarded(t); got != forwarded {
					t.Errorf("%q: the upstream gets\n%q\nwithout the call it is\n%q", bad, got, forwarded)
				}
				if got := logged(t, site); !strings.HasPrefix(strings.TrimPrefix(got, "main.lua:4: "), row.want(bad)) {
					t.Errorf("%q: the error is\n%s\nwant\n%s", bad, got, row.want(bad))
				}
				if got := live.Wire(t, request); got != answer {
					t.Errorf("%q: in on_headers the client gets\n%q\nwithout the call it is\n%q", bad, got, answer)
				}
				p.forwarded(t)
				if got := logged(t, live); !strings.HasPrefix(got, "main.lua:4: ") {
					t.Errorf("%q: the error in on_headers is %s", bad, got)
				}
			}
		})
	}
}

// What is not encoded yet is encoded, and stays one line of the request.
func TestWhatIsGivenDecodedIsEncoded(t *testing.T) {
	t.Parallel()
	for call, line := range map[string]string{
		"req:set_path('/' .. bad)":                              "GET /%s?q HTTP/1.1\r\n",
		"req:set_query(bad, '1')":                               "GET /x?q&%s=1 HTTP/1.1\r\n",
		"req:set_query('a', bad)":                               "GET /x?q&a=%s HTTP/1.1\r\n",
		"req:set_query('a', { '1', bad })":                      "GET /x?q&a=1&a=%s HTTP/1.1\r\n",
		"act = route.proxy('p', { path = '/' .. bad })":         "GET /%s?q HTTP/1.1\r\n",
		"act = route.proxy('p', { query = { a = bad } })":       "GET /x?a=%s HTTP/1.1\r\n",
		"act = route.proxy('p', { query = { [bad] = '1' } })":   "GET /x?%s=1 HTTP/1.1\r\n",
		"act = route.proxy('p', { query = { a = { bad, 1 } }})": "GET /x?a=%s&a=1 HTTP/1.1\r\n",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			p := newTap(t)
			site := tapped(t, p, "req:set_raw_query('q') local act refuse(function() "+call+" end) return act or 'p'")
			path := strings.Contains(call, "path")
			for _, bad := range splitting {
				answer, forwarded := site.Wire(t, luatest.Message("GET", "/x?"+hex(bad))), p.forwarded(t)
				message := logged(t, site)
				if path && strings.Contains(bad, "\x00") {
					if !strings.Contains(message, "NUL") {
						t.Errorf("%q: got %q, want an error about NUL", bad, message)
					}
					continue
				}
				got, _, _ := strings.Cut(forwarded, "\r\n")
				if rest := strings.TrimRight(strings.SplitN(line, "%s", 2)[1], "\r\n"); message != "taken" || !strings.HasSuffix(got, rest) {
					t.Errorf("%q: got %q and the line %q", bad, message, got)
				}
				if strings.ContainsAny(got, "\r\n\x00\x7f\x1b") || strings.Contains(forwarded, "X-Evil: 1") || !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") {
					t.Errorf("%q: the upstream gets %q", bad, forwarded)
				}
				prefix, _, _ := strings.Cut(line, "%s")
				text := strings.TrimSuffix(strings.TrimPrefix(got, prefix), strings.TrimRight(strings.SplitN(line, "%s", 2)[1], "\r\n"))
				if decoded := unescape(text); decoded != bad {
					t.Errorf("%q: the upstream reads %q in %q", bad, decoded, got)
				}
			}
		})
	}
}

// unescape decodes all escapes of a text.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			b.WriteByte(' ')
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

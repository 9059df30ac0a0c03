package request_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestAHeaderCannotContradictTheBody(t *testing.T) {
	t.Parallel()
	const te = "header Transfer-Encoding: it follows from the body and cannot be set"
	const none = "header Content-Length: it follows from the body and cannot be set"
	length := func(found string) string {
		return "header Content-Length: found " + found + "; expected one whole number"
	}
	for _, row := range []struct{ call, want string }{
		{"res.headers['Transfer-Encoding'] = 'gzip'", te},
		{"res.headers['transfer-encoding'] = 'chunked'", te},
		{"res.headers['Transfer-Encoding'] = ''", te},
		{"res.headers['Transfer-Encoding'] = { 'gzip', 'chunked' }", te},
		{"req:set_header('Transfer-Encoding', 'chunked')", te},
		{"req:add_header('Transfer-Encoding', 'chunked')", te},
		{"req.headers['Transfer-Encoding'] = 'identity'", te},
		{"route.respond(200, 'b', { ['TRANSFER-ENCODING'] = 'chunked' })", te},
		{"route.proxy('p', { headers = { add = { ['Transfer-Encoding'] = 'chunked' } } })", "route.proxy: headers: " + te},
		{"route.proxy('p', { response_headers = { set = { ['Transfer-Encoding'] = 'gzip' } } })", "route.proxy: response_headers: " + te},
		{"res.headers['Content-Length'] = 'many'", none},
		{"res.headers['Content-Length'] = ''", none},
		{"res.headers['Content-Length'] = -1", none},
		{"res.headers['Content-Length'] = '+5'", none},
		{"res.headers['Content-Length'] = ' 5'", none},
		{"res.headers['Content-Length'] = '5, 5'", none},
		{"res.headers['Content-Length'] = '0x5'", none},
		{"res.headers['Content-Length'] = '99999999999999999999'", none},
		{"res.headers['Content-Length'] = { 5, 5 }", none},
		{"res.headers['Content-Length'] = 5", none},
		{"res:add_header('content-length', 5)", none},
		{"res.headers.Connection = 'X-A'", `header Connection: found "X-A"; only close can be set`},
		{"res.headers.Connection = { 'close', 'X-A' }", `header Connection: found "close, X-A"; only close can be set`},
		{"res:add_header('Keep-Alive', 'timeout=5')", "header Keep-Alive: it belongs to the connection and cannot be set"},
		{"res.headers.Upgrade = 'h2c'", "header Upgrade: it belongs to the connection and cannot be set"},
		{"route.respond(200, 'b', { ['Proxy-Connection'] = 'x' })", "respond: header Proxy-Connection: it belongs to the connection and cannot be set"},
		{"route.respond(200, 'b', { ['Content-Length'] = 2 })", `respond: header Content-Length: found "2", the body has 1 bytes; leave it out`},
		{"req:set_header('Content-Length', 'x')", length(`"x"`)},
		{"req:add_header('Content-Length', 5)", "the header Content-Length has one value; set it"},
		{"route.respond(200, 'b', { ['Content-Length'] = { 1, 2 } })", length(`"1, 2"`)},
		{"route.proxy('p', { response_headers = { set = { ['Content-Length'] = { 1, 2 } } } })", "route.proxy: response_headers: " + none},
		{"route.proxy('p', { response_headers = { add = { ['Content-Length'] = 1 } } })", "route.proxy: response_headers: " + none},
		{"route.proxy('p', { headers = { set = { Host = 'a b' } } })", `proxy: the header Host is "a b"; expected a host, and perhaps a port`},
		{"route.proxy('p', { headers = { set = { host = '' } } })", `proxy: the header Host is ""; expected a host, and perhaps a port`},
		{"route.proxy('p', { headers = { set = { Host = { 'a', 'b' } } } })", "proxy: the header Host needs one value, found 2"},
		{"route.proxy('p', { headers = { add = { Host = 'a' } } })", "proxy: the header Host has one value; set it"},
		{"route.proxy('p', { headers = { remove = 'host' } })", "proxy: the header Host has one value; set it"},
		{"req:set_header('Host', '')", `the header Host is ""; expected a host, and perhaps a port`},
		{"req.headers.host = nil", "the header Host needs one value, found 0"},
	} {
		t.Run(row.call, func(t *testing.T) {
			t.Parallel()
			refused(t, row.call, row.want)
		})
	}
}

func TestTheClientReadsTheseBytes(t *testing.T) {
	t.Parallel()
	const text, end = "Content-Type: text/plain; charset=utf-8\r\n", "Connection: close\r\n\r\n"
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, row := range []struct{ name, method, body, want string }{
		{"no length of ours, so net/http counts", "GET", "res.headers['Content-Length'] = nil return 200, 'hello'", ok + text + "Content-Length: 5\r\n" + end + "hello"},
		{"a length for HEAD", "HEAD", "return 200, nil, { ['Content-Length'] = 1000 }", ok + "Content-Length: 1000\r\n" + end},
		{"HEAD has the header of GET", "HEAD", "return 200, 'hello'", ok + "Content-Length: 5\r\n" + text + end},
		{"HEAD of what is written", "HEAD", "res:write('hello')", ok + text + "Content-Length: 5\r\n" + end},
		{"no type, and none that is guessed", "GET", "res.headers['Content-Type'] = nil return 200, '<html>'", ok + "Content-Length: 6\r\n" + end + "<html>"},
		{"no type in on_headers", "GET", "res:on_headers(function(res) res.headers['content-type'] = nil end) return 200, '<html>'", ok + "Content-Length: 6\r\n" + end + "<html>"},
		{"no type of a proxy", "GET", "return route.proxy('p', { response_headers = { remove = { 'Content-Type', 'X-A', 'Via' } } })", ok + "Content-Length: 2\r\n" + end + "up"},
		{"an empty type", "GET", "res.headers['Content-Type'] = '' return 200, '<html>'", ok + "Content-Length: 6\r\nContent-Type: \r\n" + end + "<html>"},
		{"a date of its own", "GET", "res.headers.Server = 's' return 204", "HTTP/1.1 204 No Content\r\nServer: s\r\n" + end},
		{"names in their usual form, in order", "GET", "res.headers['x-bE-a'] = 'v' res.headers.ETAG = '\"e\"' return 204", "HTTP/1.1 204 No Content\r\nEtag: \"e\"\r\nX-Be-A: v\r\n" + end},
		{"several values, each on its line", "GET", "res.headers.X = { 'a, b', 'c', 1.5, false } return 204", "HTTP/1.1 204 No Content\r\nX: a, b\r\nX: c\r\nX: 1.5\r\nX: false\r\n" + end},
		{"no blanks around a value", "GET", "res.headers.X = '  a\\tb  ' return 204", "HTTP/1.1 204 No Content\r\nX: a\tb\r\n" + end},
		{"an empty value", "GET", "res.headers.X = '' return 204", "HTTP/1.1 204 No Content\r\nX: \r\n" + end},
		{"bytes that are no UTF-8", "GET", "res.headers.X = 'a\\255\\128' return 204", "HTTP/1.1 204 No Content\r\nX: a\xff\x80\r\n" + end},
		{
			"cookies behind the Set-Cookie that was assigned", "GET", "res:cookie{ name = 'a', value = '1' } res.headers['Set-Cookie'] = 'b=2' res:cookie{ name = 'c', value = '3' } return 204",
			"HTTP/1.1 204 No Content\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\n" + end,
		},
		{"204 without a body", "GET", "return 204", "HTTP/1.1 204 No Content\r\n" + end},
		{"304 without a body", "GET", "return 304, nil, { ETag = '\"e\"' }", "HTTP/1.1 304 Not Modified\r\nEtag: \"e\"\r\n" + end},
		{"204 with an empty piece", "GET", "res.status = 204 res.headers['Content-Type'] = nil res:write('')", "HTTP/1.1 204 No Content\r\n" + end},
		{"204 that was not given a body may be something else", "GET", "res.status = 204 pcall(res.write, res, 'x') return 200, 'y'", ok + "Content-Length: 1\r\n" + text + end + "y"},
		{"204 that has left takes no body", "GET", "res.status = 204 res:flush() pcall(res.write, res, 'x')", "HTTP/1.1 204 No Content\r\n" + end},
		{"a status without a name", "GET", "return 799, 'x'", "HTTP/1.1 799 status code 799\r\nContent-Length: 1\r\n" + text + end + "x"},
		{"205", "GET", "return 205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n" + end},
		{"on_headers makes it 204, and nothing is left of the body", "GET", "res:on_headers(function(res) res.status = 204 end) return 200, 'hello'", "HTTP/1.1 204 No Content\r\n" + text + end},
		{"on_headers makes it 304 while it streams", "GET", "res:on_headers(function(res) res.status = 304 end) res:write('a') res:flush() res:write('b')", "HTTP/1.1 304 Not Modified\r\n" + end},
		{"on_headers makes it 204 with on_body", "GET", "res:on_body(function() return 'more' end) res:on_headers(function(res) res.status = 204 end) return 200, 'a'", "HTTP/1.1 204 No Content\r\n" + text + end},
		{"on_headers makes 200 of 204", "GET", "res:on_headers(function(res) res.status = 200 end) return 204", ok + "Content-Length: 0\r\n" + end},
		{"on_headers makes a 404 of an upstream's answer", "GET", "res:on_headers(function(res) res.status = 404 res.headers['X-A'] = nil res.headers.Via = nil end) return 'p'", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n" + text + end + "up"},
		{"a redirect", "GET", "return route.redirect('/y')", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /y\r\n" + end},
		{"a redirect to a place with bytes beyond ASCII", "GET", "res:redirect('/é?\\255', 303)", "HTTP/1.1 303 See Other\r\nContent-Length: 0\r\nLocation: /%C3%A9?%FF\r\n" + end},
		{"a redirect to another host", "GET", "res:redirect('//b.example/a%20b|\\\\?d=\\\"{}#c', 308)", "HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\nLocation: //b.example/a%20b%7C%5C?d=%22%7B%7D#c\r\n" + end},
		{"a redirect of HEAD", "HEAD", "res:redirect('../y', 301)", "HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0\r\nLocation: ../y\r\n" + end},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := tapped(t, newTap(t), row.body)
			if got := site.Wire(t, luatest.Message(row.method, "/x")); got != row.want {
				t.Errorf("got\n%q\nwant\n%q", got, row.want)
			}
			for len(site.Errors) > 0 {
				t.Error(<-site.Errors)
			}
		})
	}
}

func TestTheUpstreamReadsTheseBytes(t *testing.T) {
	t.Parallel()
	const end = "Via: 1.1 Caddy\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-Proto: http\r\nAccept-Encoding: gzip\r\n\r\n"
	const host = "Host: a.example\r\n"
	for _, row := range []struct{ name, body, want string }{
		{"nothing is changed", "return 'p'", "GET /x HTTP/1.1\r\n" + host + end},
		{"the length follows from the body", "req:set_header('Content-Length', 100) return 'p'", "GET /x HTTP/1.1\r\n" + host + end},
		{"the length of a new body", "req:set_method('PUT') req:set_header('Content-Length', 1) req:set_body('hello') return 'p'", "PUT /x HTTP/1.1\r\n" + host + "Content-Length: 5\r\n" + end},
		{"what a script names in Connection stays here", "req:set_header('X-Secret', 's') req:set_header('Connection', 'X-Secret') return 'p'", "GET /x HTTP/1.1\r\n" + host + end},
		{"fields of the connection stay here", "for _, n in ipairs{ 'Connection', 'Upgrade', 'Trailer' } do req:set_header(n, 'x') end return 'p'", "GET /x HTTP/1.1\r\n" + host + end},
		{"fields for one hop go there, as by header_up", "for _, n in ipairs{ 'Te', 'Proxy-Authorization' } do req:set_header(n, 'x') end return 'p'", "GET /x HTTP/1.1\r\n" + host + "Proxy-Authorization: x\r\nTe: x\r\n" + end},
		{"several values, each on its line", "req.headers['x-b'] = { 'a', 'b' } req:add_header('X-B', 'c') return 'p'", "GET /x HTTP/1.1\r\n" + host + "Via: 1.1 Caddy\r\nX-B: a\r\nX-B: b\r\nX-B: c\r\n" + end[len("Via: 1.1 Caddy\r\n"):]},
		{"no type is nothing", "req.headers['Content-Type'] = nil return route.proxy('p', { headers = { remove = { 'Content-Type', 'Date' } } })", "GET /x HTTP/1.1\r\n" + host + end},
		{"two slashes are a path", "req:set_path('//evil.example/x') return 'p'", "GET //evil.example/x HTTP/1.1\r\n" + host + end},
		{"a path like a URL is a path", "req:set_path('/http://evil.example/') return 'p'", "GET /http://evil.example/ HTTP/1.1\r\n" + host + end},
		{"a method of one's own", "req:set_method('PURGE') return 'p'", "PURGE /x HTTP/1.1\r\n" + host + end},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := newTap(t)
			tapped(t, p, row.body).Wire(t, luatest.Message("GET", "/x"))
			if got := p.forwarded(t); got != row.want {
				t.Errorf("got\n%q\nwant\n%q", got, row.want)
			}
		})
	}
}

func TestNearlyAMebibyteInAHeaderIsNoCauseToStop(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("v", 1<<20-100)
	name := "X-N" + strings.Repeat("n", 1<<20-103)
	p := newTap(t)
	for _, body := range []string{
		"req:set_header('X-Long', ('v'):rep(2 ^ 20 - 100)) res.headers['X-Long'] = ('v'):rep(2 ^ 20 - 100) return 'p'",
		"local long = { ['X-Long'] = ('v'):rep(2 ^ 20 - 100) } return route.proxy('p', { headers = { set = long }, response_headers = { set = long } })",
	} {
		answer, forwarded := tapped(t, p, body).Wire(t, luatest.Message("GET", "/x")), p.forwarded(t)
		if !strings.Contains(answer, "\r\nX-Long: "+long+"\r\n") || !strings.HasSuffix(answer, "\r\n\r\nup") {
			t.Errorf("the client gets %d bytes: %.100q", len(answer), answer)
		}
		if !strings.Contains(forwarded, "\r\nX-Long: "+long+"\r\n") {
			t.Errorf("the upstream gets %d bytes: %.100q", len(forwarded), forwarded)
		}
	}
	answer := tapped(t, p, "res.headers['X-' .. ('n'):rep(2 ^ 20 - 102)] = 'v' return 204").Wire(t, luatest.Message("GET", "/x"))
	if !strings.Contains(answer, "\r\n"+name+": v\r\n") {
		t.Errorf("the client gets %d bytes: %.100q", len(answer), answer)
	}
}

func TestAnErrorQuotesNoMebibyte(t *testing.T) {
	t.Parallel()
	for _, call := range []string{
		"req:set_header('X-A', long)", "req:set_header(long, 'a')", "req:set_path(long)", "req:set_uri(long)", "req:set_raw_query(long)", "req:set_method(long)",
		"req.headers.Host = ('a b'):rep(2 ^ 18)", "res.headers['X-A'] = long", "res:redirect(long)", "res:cookie{ name = 'a', value = 'b', same_site = long }",
		"route.respond(200, '', { [long] = 'a' })", "route.proxy('p', { path = long })", "route.proxy('p', { query = long })", "req:set_query(long, print)",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			site := tapped(t, newTap(t), "local long = ('v'):rep(2 ^ 20 - 100) .. ' \\n' refuse(function() "+call+" end) return 204")
			site.Wire(t, luatest.Message("GET", "/x"))
			if got := logged(t, site); len(got) > 1000 || !strings.HasPrefix(got, "main.lua:4: ") {
				t.Errorf("the error has %d bytes: %.200s", len(got), got)
			}
		})
	}
}

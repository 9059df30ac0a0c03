package request_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestTheUpstreamGetsWhatTheScriptHasChanged(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ change, want string }{
		{"", "POST /x%2Fy?a=1&b=2 body"},
		{"req:set_method('PUT')", "PUT /x%2Fy?a=1&b=2 body"},
		{"req:set_path('/new path?')", "POST /new%20path%3F?a=1&b=2 body"},
		{"req:set_path('/a\\r\\nb')", "POST /a%0D%0Ab?a=1&b=2 body"},
		{"req:set_path('/é')", "POST /%C3%A9?a=1&b=2 body"},
		{"req:set_uri('/u%2Fv?c=3')", "POST /u%2Fv?c=3 body"},
		{"req:set_uri('/u')", "POST /u body"},
		{"req:set_uri('//u//v?c')", "POST //u//v?c body"},
		{"req:set_query('c', 'x y')", "POST /x%2Fy?a=1&b=2&c=x+y body"},
		{"req:set_query('a', { 5, true })", "POST /x%2Fy?a=5&a=true&b=2 body"},
		{"req:set_query('a', nil)", "POST /x%2Fy?b=2 body"},
		{"req:set_query('a', nil) req:set_query('b', {})", "POST /x%2Fy body"},
		{"req:set_raw_query('x=%20&y')", "POST /x%2Fy?x=%20&y body"},
		{"req:set_raw_query('')", "POST /x%2Fy body"},
		{"req:set_body('other text')", "POST /x%2Fy?a=1&b=2 other text"},
		{"req:set_body('')", "POST /x%2Fy?a=1&b=2 "},
		{"req:body()", "POST /x%2Fy?a=1&b=2 body"},
		{"req:set_body(req:body():upper())", "POST /x%2Fy?a=1&b=2 BODY"},
		{"pcall(req.body, req, 2)", "POST /x%2Fy?a=1&b=2 body"},
		{"local _ = req.query.a req:set_query('a', 9) req:set_method(req.query.a == '9' and 'PATCH' or 'POST')", "PATCH /x%2Fy?a=9&b=2 body"},
	} {
		t.Run(row.change, func(t *testing.T) {
			t.Parallel()
			got := upstreamGets(t, row.change, "POST /x%2Fy?a=1&b=2", "body")
			if text := fmt.Sprintf("%s %s %s", got.Method, got.URI, got.Body); text != row.want {
				t.Errorf("got %s, want %s", text, row.want)
			}
		})
	}
}

func TestTheUpstreamGetsTheHeaderThatTheScriptHasChanged(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		change string
		want   []string
		host   string
	}{
		{"", []string{"1", "2"}, "a.example"},
		{"req:set_header('x-a', 'b')", []string{"b"}, "a.example"},
		{"req.headers['x-a'] = 'b'", []string{"b"}, "a.example"},
		{"req.headers['x-a'] = { 'b', 5, true }", []string{"b", "5", "true"}, "a.example"},
		{"req.headers['x-a'] = nil", nil, "a.example"},
		{"req:set_header('x-a', {})", nil, "a.example"},
		{"req:add_header('x-a', '3')", []string{"1", "2", "3"}, "a.example"},
		{"req:add_header('x-a', { '3', '4' })", []string{"1", "2", "3", "4"}, "a.example"},
		{"req:remove_header('X-a')", nil, "a.example"},
		{"req:set_header('x-a', '')", []string{""}, "a.example"},
		{"req:set_header('x-a', 'é\\9b')", []string{"é\tb"}, "a.example"},
		{"req:set_header('x-a', ('v'):rep(100000))", []string{strings.Repeat("v", 100000)}, "a.example"},
		{"req.headers.host = 'b.example:81'", []string{"1", "2"}, "b.example:81"},
	} {
		t.Run(row.change, func(t *testing.T) {
			t.Parallel()
			got := upstreamGets(t, row.change, "/x", "", "X-A: 1", "X-A: 2", "Host: a.example")
			if !slices.Equal(got.Header["X-A"], row.want) || got.Host != row.host {
				t.Errorf("got %v for %s, want %v for %s", got.Header["X-A"], got.Host, row.want, row.host)
			}
		})
	}
}

// injections are what must not stand in a header, and how an error quotes it.
var injections = []struct{ name, lua, quoted string }{
	{"CR and LF", `a\r\nSet-Cookie: b`, `"a\r\nSet-Cookie: b"`},
	{"LF", `a\nb`, `"a\nb"`},
	{"CR", `a\rb`, `"a\rb"`},
	{"NUL", `a\0b`, `"a\x00b"`},
	{"a folded line", `a\r\n b`, `"a\r\n b"`},
	{"DEL", `a\127b`, `"a\x7fb"`},
	{"an escape", `a\27[0m`, `"a\x1b[0m"`},
}

func TestNoSetterTakesAHeaderThatBreaksTheMessage(t *testing.T) {
	t.Parallel()
	for _, in := range injections {
		value := func(call, name string) {
			t.Helper()
			refused(t, call, fmt.Sprintf("header %s: the value %s has a control character; only tabs are allowed", name, in.quoted))
		}
		name := func(call string) {
			t.Helper()
			refused(t, call, in.quoted+" is not a header name; a name is a token such as X-Request-Id")
		}
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			for _, call := range []string{
				"req:set_header('X-A', '%s')", "req:set_header('X-A', { 'b', '%s' })", "req:add_header('X-A', '%s')",
				"req.headers['X-A'] = '%s'", "res.headers['X-A'] = '%s'", "res.headers['X-A'] = { '%s' }",
			} {
				value(fmt.Sprintf(call, in.lua), "X-A")
			}
			value("req.headers.Host = '"+in.lua+"'", "Host")
			for _, call := range []string{
				"req:set_header('%s', 'b')", "req:add_header('%s', 'b')", "req:remove_header('%s')", "req.headers['%s'] = 'b'", "req.headers['%s'] = nil",
				"res.headers['%s'] = 'b'", "res.headers['%s'] = nil",
			} {
				name(fmt.Sprintf(call, in.lua))
			}
			refused(t, "res:redirect('"+in.lua+"')", fmt.Sprintf("redirect: header Location: the value %s has a control character; only tabs are allowed", in.quoted))
		})
	}
}

func TestBytesThatAreNoUTF8AreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	s := site(t, `res.headers["X-A"] = "a\255b" return 200`)
	if a := s.Do(t, "/x", ""); a.Header.Get("X-A") != "a\xffb" {
		t.Errorf("got %q", a.Header.Get("X-A"))
	}
}

func TestAChangeThatMakesNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	const uri = ": expected an encoded path that begins with /, and perhaps a query"
	const query = ": expected an encoded query, without blanks, #, control characters, broken escapes and non-ASCII characters"
	for _, row := range []struct{ call, want string }{
		{"req:set_header('', 'b')", `"" is not a header name; a name is a token such as X-Request-Id`},
		{"req:set_header('X A', 'b')", `"X A" is not a header name; a name is a token such as X-Request-Id`},
		{"req:set_header('X:A', 'b')", `"X:A" is not a header name; a name is a token such as X-Request-Id`},
		{"req:set_header('é', 'b')", `"é" is not a header name; a name is a token such as X-Request-Id`},
		{"req:set_header('X-A', print)", `header "X-A": a function is not a string; allowed are strings, numbers and booleans`},
		{"req:set_header('X-A', { 'b', {} })", `header "X-A": value 2: a table is not a string; allowed are strings, numbers and booleans`},
		{"req:remove_header('Host')", "the header Host needs one value, found 0"},
		{"req:add_header('Host', 'b')", "the header Host has one value; set it"},
		{"req:set_header('Host', { 'a', 'b' })", "the header Host needs one value, found 2"},
		{"req:set_header('Host', 'a b')", `the header Host is "a b"; expected a host, and perhaps a port`},
		{"req:set_header('Host', 'a/b')", `the header Host is "a/b"; expected a host, and perhaps a port`},
		{"req:set_path('x')", `path "x": expected one that begins with / and has no NUL`},
		{"req:set_path('')", `path "": expected one that begins with / and has no NUL`},
		{"req:set_path('/a\\0')", `path "/a\x00": expected one that begins with / and has no NUL`},
		{"req:set_uri('x')", `URI "x"` + uri},
		{"req:set_uri('http://a.example/x')", `URI "http://a.example/x"` + uri},
		{"req:set_uri('/x y')", `URI "/x y"` + uri},
		{"req:set_uri('/x#y')", `URI "/x#y"` + uri},
		{"req:set_uri('/%zz')", `URI "/%zz"` + uri},
		{"req:set_uri('/a\\r\\nb')", `URI "/a\r\nb"` + uri},
		{"req:set_raw_query('a=%zz')", `query "a=%zz"` + query},
		{"req:set_uri('/x?a=%4')", `URI "/x?a=%4"` + uri},
		{"req:set_raw_query('a b')", `query "a b"` + query},
		{"req:set_raw_query('a#b')", `query "a#b"` + query},
		{"req:set_raw_query('a\\r\\nb')", `query "a\r\nb"` + query},
		{"req:set_raw_query('a=%zz')", `query "a=%zz"` + query},
		{"req:set_uri('/x?a=%4')", `URI "/x?a=%4"` + uri},
		{"req:set_raw_query('é')", `query "é"` + query},
		{"req:set_query('a', print)", `query "a": a function is not a string; allowed are strings, numbers and booleans`},
		{"req:set_method('')", `"" is not a method; a method is a token such as GET`},
		{"req:set_method('GE T')", `"GE T" is not a method; a method is a token such as GET`},
		{"req:set_method('get')", `method "get": methods are case-sensitive, write GET`},
		{"req:set_method('GET /x HTTP/1.1\\r\\n')", `"GET /x HTTP/1.1\r\n" is not a method; a method is a token such as GET`},
		{"req:body(-1)", "bad argument #1 to 'body' (limit: the limit is a number of bytes)"},
		{"res.status = 99", "status 99: expected a whole number from 200 to 999"},
		{"res.status = '404'", "status 404: expected a whole number from 200 to 999"},
		{"res:redirect('/y', 200)", "redirect: status 200: expected 300 to 399, but not 304"},
		{"res:redirect('')", "redirect: the location is missing"},
		{"res:json(print)", "json: a function has no JSON form"},
	} {
		t.Run(row.call, func(t *testing.T) {
			t.Parallel()
			refused(t, row.call, row.want)
		})
	}
}

func TestABodyOverTheLimitIs413(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]string{
		"req:body": "req:body()", "req:body with a limit of its own": "req:body(10)", "a limit above that of the tenant": "req:body(2 ^ 40)",
		"req:json": "req:json()", "req:form": "req:form()",
	} {
		for how, body := range map[string]string{"announced": strings.Repeat("x", 101), "in pieces": strings.Repeat("x", 101)} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				s := luatest.Setup{Limits: config.Limits{Body: 100}}.Serve(t, "local route = require('luaroute') route:post('/x', function(req) "+call+" return 204 end)")
				r, err := http.NewRequest("POST", s.URL+"/x", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if how == "in pieces" {
					r.ContentLength = -1
				}
				resp, err := luatest.Client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("got %s", resp.Status)
				}
			})
		}
	}
}

func TestAFormIsRead(t *testing.T) {
	t.Parallel()
	const parts = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nfile\r\n--b--\r\n"
	for _, row := range []struct{ name, kind, body, want string }{
		{"urlencoded", "application/x-www-form-urlencoded", "a=1&b=2&b=3&c=x+y%26", `200 {"a":"1","b":["2","3"],"c":"x y&"}`},
		{"multipart, without its files", "multipart/form-data; boundary=b", parts, `200 {"a":"1"}`},
		{"empty", "application/x-www-form-urlencoded", "", "200 {}"},
		{"malformed", "application/x-www-form-urlencoded", "a=%zz", `200 invalid URL escape "%zz"`},
		{"malformed multipart", "multipart/form-data; boundary=b", "--c", "200 form: multipart: NextPart: EOF"},
		{"without a type", "", "a=1", "200 form: Content-Type: mime: no media type"},
		{"of another type", "text/plain", "a=1", `200 form: "text/plain" is not the type of a form`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := site(t, "local f, e = req:form() return 200, f or e")
			if a := s.Do(t, "POST /x", row.body, "Content-Type: "+row.kind); a.String() != row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

func TestAMalformedJSONBodyIsNilAndAnError(t *testing.T) {
	t.Parallel()
	s := site(t, "local v, e = req:json() return 200, tostring(v) .. ' ' .. tostring(e)")
	for body, want := range map[string]string{
		"{":    "200 nil json: at byte 1: the text ends too soon",
		"":     "200 nil json: at byte 0: the text ends too soon",
		"true": "200 true nil",
	} {
		if a := s.Do(t, "POST /x", body); a.String() != want {
			t.Errorf("%q: got %s, want %s", body, a, want)
		}
	}
}

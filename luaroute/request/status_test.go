package request_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// script is a site whose script says everything itself; route is the router.
func script(t testing.TB, code string) *luatest.Site {
	t.Helper()
	return luatest.Setup{}.Serve(t, "local route = require('luaroute') "+code)
}

func TestTheStatusOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, code, want string }{
		{"that is written", "route:get('/x', function(req, res) res.status = 201 res:write('a') end)", "201 a"},
		{"the last one set counts", "route:get('/x', function(req, res) res.status = 201 res.status = 202 res:write('a') end)", "202 a"},
		{"one of middleware", "route:use(function(req, res) res.status = 201 end) route:get('/x', function(req, res) res:write('a') end)", "201 a"},
		{"one of a wrapper", "route:use(function(req, res, next) res.status = 201 next() end) route:get('/x', function(req, res) res:write('a') end)", "201 a"},
		{"one that is returned has its own", "route:get('/x', function(req, res) res.status = 201 return 202, 'a' end)", "202 a"},
		{"a response table has its own", "route:get('/x', function(req, res) res.status = 201 return { body = 'a' } end)", "200 a"},
		{"a redirect has its own", "route:get('/x', function(req, res) res.status = 201 res:redirect('/y') end)", "302"},
		{"a candidate that has declined sets none", "route:get('/x', function(req, res) res.status = 404 return route.decline end) route:get('/*', function(req, res) res:write('a') end)", "200 a"},
		{"middleware of one that has declined sets none", "route:with(function(req, res) res.status = 404 end):get('/x', route.decline) route:get('/*', function(req, res) return 200, res.status end)", "200 200"},
		{"a wrapper's is still there when what it wraps has declined", "route:use(function(req, res, next) res.status = 404 if not next() then res:write('none') end end) route:get('/x', route.decline)", "404 none"},
		{"on_headers sees it", "route:get('/x', function(req, res) res:on_headers(function(res) res.headers['X-Status'] = res.status res.status = res.status + 1 end) return 202, 'a' end)", "203 a"},
		{"on_headers of several functions", "route:use(function(req, res) res:on_headers(function(res) res.status = res.status * 2 end) end) route:get('/x', function(req, res) res:on_headers(function(res) res.status = res.status + 1 end) return 200, 'a' end)", "402 a"},
		{"on_headers of one function, in order", "route:get('/x', function(req, res) res:on_headers(function(res) res.status = res.status + 1 end) res:on_headers(function(res) res.status = res.status * 2 end) return 200, 'a' end)", "402 a"},
		{"a status in on_headers is for that response only", "route:get('/x', function(req, res) res:on_headers(function(res) res.status = 203 end) res:write('a') res:write(tostring(res.status)) end)", "203 a200"},
		{"999 is the largest", "route:get('/x', function(req, res) return 999, 'a' end)", "999 a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := script(t, row.code)
			if a := s.Do(t, "/x", ""); a.String() != row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
			for len(s.Errors) > 0 {
				t.Error(<-s.Errors)
			}
		})
	}
}

func TestAStatusThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	const whole = "expected a whole number from 200 to 999"
	for _, row := range []struct{ call, want string }{
		{"res.status = 0", "status 0: " + whole},
		{"res.status = 100", "status 100: " + whole},
		{"res.status = 101", "status 101: " + whole},
		{"res.status = 199", "status 199: " + whole},
		{"res.status = 1000", "status 1000: " + whole},
		{"res.status = -200", "status -200: " + whole},
		{"res.status = 200.5", "status 200.5: " + whole},
		{"res.status = 0/0", "status NaN: " + whole},
		{"res.status = 1/0", "status +Inf: " + whole},
		{"res.status = 2 ^ 64", "status 1.8446744073709552e+19: " + whole},
		{"res.status = nil", "status nil: " + whole},
		{"res.status = true", "status true: " + whole},
		{"route.respond(199)", "status 199: " + whole},
		{"route.respond(200.5)", "status 200.5: " + whole},
		{"route.respond('200')", "status 200: " + whole},
		{"route.redirect('/y', 302.5)", "status 302.5: expected a whole number"},
		{"route.redirect('/y', 304)", "redirect: status 304: expected 300 to 399, but not 304"},
		{"route.redirect('/y', 400)", "redirect: status 400: expected 300 to 399, but not 304"},
		{"route.redirect('/y', 2 ^ 64)", "status 1.8446744073709552e+19: expected a whole number"},
		{"route.redirect('/y', '302')", "bad argument #2 to 'redirect' (status: number expected, got string)"},
		{"res:redirect('/y', 302.5)", "status 302.5: expected a whole number"},
		{"res:redirect('/y', 0/0)", "status NaN: expected a whole number"},
		{"res:redirect('/y', -302)", "redirect: status -302: expected 300 to 399, but not 304"},
		{"route.error(404.5)", "status 404.5: expected a whole number"},
		{"route.error(399)", "error: status 399: expected 400 to 999"},
		{"route.error(1000)", "error: status 1000: expected 400 to 999"},
		{"route.error('404')", "bad argument #1 to 'error' (status: number expected, got string)"},
	} {
		t.Run(row.call, func(t *testing.T) {
			t.Parallel()
			refused(t, row.call, row.want)
		})
	}
}

func TestAHeaderOfTheRequestIsRead(t *testing.T) {
	t.Parallel()
	fields := []string{"X-A: 1", "x-a: 2", "X-Empty: ", "X_Under: u", "Host: B.Example:81", "Cookie: a=1; b=\"x y\"; c=; a=2; d=e=f; no", "X-Bytes: a\xffb"}
	for _, row := range []struct{ expression, want string }{
		{"req.headers['X-A']", "1"},
		{"req.headers['x-A']", "1"},
		{"req:header('X-a')", "1"},
		{"table.concat(req:header_values('x-a'), ',')", "1,2"},
		{"req.headers['X-Empty'] == ''", "true"},
		{"req.headers['X-None'] == nil", "true"},
		{"#req:header_values('X-None')", "0"},
		{"req.headers['X_Under'] .. tostring(req.headers['X-Under'])", "unil"},
		{"req.headers.host", "B.Example:81"},
		{"req:header_values('HOST')[1]", "B.Example:81"},
		{"req.host .. ' ' .. req.port", "B.Example 81"},
		{"#req.headers['X-Bytes']", "3"},
		{"req.headers['X A'] == nil and req.headers[''] == nil", "true"},
		{"req.cookies.a", "1"},
		{"req.cookies.b", "x y"},
		{"req.cookies.c == ''", "true"},
		{"req.cookies.d", "e=f"},
		{"req.cookies.A == nil and req.cookies[''] == nil", "true"},
		{"(function() req.headers['x-new'] = 'n' return req.headers['X-NEW'] end)()", "n"},
		{"(function() req:add_header('X-A', 3) return table.concat(req:header_values('X-A')) end)()", "123"},
		{"(function() req.headers['x-a'] = nil return req.headers['X-A'] == nil end)()", "true"},
		{"(function() req.headers.Cookie = 'z=9' return req.cookies.z .. tostring(req.cookies.a) end)()", "9nil"},
		{"(function() req.headers.Host = 'c.example' return req.host .. req.port end)()", "c.example80"},
		{"(function() req:add_header('X-New', { 1, 2 }) req:set_header('X-New', req:header_values('x-new')) return #req:header_values('X-New') end)()", "2"},
		{"(function() local n = 0 for k, v in pairs(req.headers) do if k == 'X-A' or k == 'Host' then n = n + 1 end end return n end)()", "2"},
	} {
		t.Run(row.expression, func(t *testing.T) {
			t.Parallel()
			if a := site(t, "return 200, tostring("+row.expression+")").Do(t, "/x", "", fields...); a.String() != "200 "+row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

func TestAHeaderOfTheResponseIsReadBack(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, body, want string }{
		{"nothing yet", "return 200, tostring(res.headers['X-A'])", "200 nil"},
		{"what was set, in any case", "res.headers['x-a'] = 'v' return 200, res.headers['X-A']", "200 v"},
		{"the first of several", "res.headers['X-A'] = { 1, 2 } return 200, res.headers['x-a']", "200 1"},
		{"what was removed", "res.headers['X-A'] = 'v' res.headers['X-A'] = nil return 200, tostring(res.headers['X-A'])", "200 nil"},
		{"with pairs", "res.headers.A, res.headers.B = 1, 2 local n = 0 for k, v in pairs(res.headers) do n = n + v end return 200, n", "200 3"},
		{"what was assigned wrongly changes nothing", "res.headers['X-A'] = 'v' pcall(function() res.headers['X-A'] = '\\n' end) return 200, res.headers['X-A']", "200 v"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if a := site(t, row.body).Do(t, "/x", ""); a.String() != row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

func TestAListHasNothingButValues(t *testing.T) {
	t.Parallel()
	const want = ": a table is not a list; allowed are a string, and a list of them"
	for call, what := range map[string]string{
		"req:set_header('X-A', { key = 'b' })":                          `header "X-A"`,
		"res.headers['X-A'] = { 'a', key = 'b' }":                       `header "X-A"`,
		"req:set_query('a', { [5] = 'b' })":                             `query "a"`,
		"route.respond(200, 'b', { ['X-A'] = { key = 'b' } })":          `header "X-A"`,
		"route.proxy('p', { headers = { set = { A = { b = 'c' } } } })": `route.proxy: headers: header "A"`,
	} {
		refused(t, call, what+want)
	}
}

func TestTheTimesOfACookieAreWholeNumbers(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"max_age = 0.5": "max_age = 0.5", "max_age = 1e300": "max_age = 1e+300", "max_age = 0/0": "max_age = NaN", "max_age = -1/0": "max_age = -Inf",
		"expires = 0/0": "expires = NaN", "expires = 1e15": "expires = 1000000000000000", "expires = 5.5": "expires = 5.5", "expires = -1e300": "expires = -1e+300",
	} {
		s := site(t, "res:cookie{ name = 'a', value = 'b', "+field+" } return 204")
		if a := s.Do(t, "/x", ""); a.String() != "500" || a.Header["Set-Cookie"] != nil {
			t.Errorf("%s: got %s %v", field, a, a.Header)
		}
		if err := (<-s.Errors).Error(); !strings.Contains(err, ": cookie: "+want+"; expected strings for name, ") || !strings.Contains(err, ", whole numbers for max_age and expires, ") {
			t.Errorf("%s: got %s", field, err)
		}
	}
	s := site(t, "res:cookie{ name = 'a', value = 'b,c', max_age = -5, expires = 0 } return 204")
	if got := s.Do(t, "/x", "").Header["Set-Cookie"]; !slices.Equal(got, []string{`a="b,c"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0`}) {
		t.Errorf("got %q", got)
	}
}

package request_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What is not set stays as the client has written it, byte by byte and in its place: others may have signed it.
func TestSettingAParameterLeavesTheRestOfTheQueryAlone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ query, set, want string }{
		{"", "'a', 1", "a=1"},
		{"z=1&b=2&a=3", "'c', 4", "z=1&b=2&a=3&c=4"},
		{"z=1&b=2&a=3", "'b', 'x y'", "z=1&b=x+y&a=3"},
		{"z=1&b=2&a=3", "'b', nil", "z=1&a=3"},
		{"a=1&b=2&a=3", "'a', 9", "a=9&b=2"},
		{"a=1&b=2&a=3", "'a', { 8, 9 }", "a=8&a=9&b=2"},
		{"a=1&b=2&a=3", "'a', {}", "b=2"},
		{"a=1&b=2&a=3", "'a', nil", "b=2"},
		{"flag&a=%20&b=+&c=%7e", "'d', '~'", "flag&a=%20&b=+&c=%7e&d=~"},
		{"flag&b", "'flag', true", "flag=true&b"},
		{"flag&b", "'flag', ''", "flag=&b"},
		{"%61=1&b", "'a', 2", "a=2&b"},
		{"a%20b=1&a+b=2", "'a b', 3", "a+b=3"},
		{"A=1", "'a', 2", "A=1&a=2"},
		{"a[]=1&a[]=2", "'a[]', 3", "a%5B%5D=3"},
		{"q=%zz&a=1", "'a', 2", "q=%zz&a=2"},
		{"x;y=1&a=1", "'a', 2", "x;y=1&a=2"},
		{"x;y=1&a=1", "'x;y', nil", "a=1"},
		{"%zz=1&a=%", "'%zz', nil", "a=%"},
		{"a=%zz&a=1;2&b", "'a', nil", "b"},
		{"a=1&&b=2", "'a', nil", "&b=2"},
		{"=1&a", "'', 2", "=2&a"},
		{"a=b=c", "'a', 'd=e&f'", "a=d%3De%26f"},
		{"a=1", "'é', '\\255'", "a=1&%C3%A9=%FF"},
		{"a=%C3%A9", "'b', 1", "a=%C3%A9&b=1"},
	} {
		t.Run(row.query+" with "+row.set, func(t *testing.T) {
			t.Parallel()
			got := upstreamGets(t, "req:set_query("+row.set+")", "/x?"+row.query, "")
			if want := strings.TrimSuffix("/x?"+row.want, "?"); got.URI != want {
				t.Errorf("got %s, want %s", got.URI, want)
			}
		})
	}
}

// net/http reads a query of so many parameters as empty. It still goes to the upstream whole.
func TestAQueryOfVeryManyParametersIsNotLostByAChange(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("a=1&", 20_000)
	if got := upstreamGets(t, "req:set_query('b', 2)", "/x?"+many+"b=1", ""); got.URI != "/x?"+many+"b=2" {
		t.Errorf("got %d bytes: %.100s", len(got.URI), got.URI)
	}
}

func TestAParameterIsRead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ query, expression, want string }{
		{"a=1&a=2", "req.query.a", "1"},
		{"a=1&a=2", "table.concat(req:query_values('a'), ' ')", "1 2"},
		{"a", "req.query.a == ''", "true"},
		{"a=", "req.query.a == ''", "true"},
		{"b", "req.query.a == nil", "true"},
		{"", "#req:query_values('a')", "0"},
		{"A=1", "req.query.a == nil", "true"},
		{"a%3Db=c%26d", "req.query['a=b']", "c&d"},
		{"a=x+y%2B", "req.query.a", "x y+"},
		{"a=b=c", "req.query.a", "b=c"},
		{"=1", "req.query['']", "1"},
		{"a=%zz&b=1", "req.query.a .. req.query.b", "%zz1"},
		{"a=1;b=2&c", "req.query.a", "1;b=2"},
		{"a;b=1", "tostring(req.query.a) .. req.query['a;b']", "nil1"},
		{"%zz=%41%4", "req.query['%zz']", "A%4"},
		{"a=1&a=%&a=;", "table.concat(req:query_values('a'), ' ')", "1 % ;"},
		{"a=%ff", "#req.query.a", "1"},
		{"a=1", "req:query_value('a') .. req.raw_query", "1a=1"},
		{"1=one", "req.query[1]", "one"},
	} {
		t.Run(row.query+" "+row.expression, func(t *testing.T) {
			t.Parallel()
			if a := site(t, "return 200, tostring("+row.expression+")").Do(t, "/x?"+row.query, ""); a.String() != "200 "+row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

// A pair is there for all or for none: what req.query sees is what set_query takes away.
func TestNoPairIsHiddenFromTheScript(t *testing.T) {
	t.Parallel()
	s := site(t, `
		local seen = #req:query_values("role")
		assert((req.query.role ~= nil) == (seen > 0))
		req:set_query("role", nil)
		assert(req.query.role == nil)
		return 200, seen .. " [" .. req.raw_query .. "]"`)
	rng := rand.New(rand.NewPCG(8, 9))
	for range 500 {
		raw, rest, there := "", []string{}, 0
		for range 1 + rng.IntN(4) {
			pair := ""
			for range rng.IntN(5) {
				pair += pick(rng, "role", "role", "%72ole", "r", "=", "=", ";", "%", "%zz", "+", "%3B")
			}
			raw += "&" + pair
			name, _, _ := strings.Cut(pair, "=")
			if strings.ReplaceAll(name, "%72", "r") == "role" {
				there++
			} else {
				rest = append(rest, pair)
			}
		}
		if a := s.Do(t, "/x?"+raw[1:], ""); a.String() != fmt.Sprintf("200 %d [%s]", there, strings.Join(rest, "&")) {
			t.Fatalf("%s: %d are there and %q besides; got %s", raw[1:], there, rest, a)
		}
	}
}

func pick(rng *rand.Rand, from ...string) string { return from[rng.IntN(len(from))] }

// What changes the query besides the functions of req is seen, too.
func TestTheQueryIsThatOfTheRequestAsItIsNow(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"after a decline": `
			route:get("/x", function(req) req:set_query("a", "changed") assert(req.query.a == "changed") return route.decline end)
			route:get("/*", function(req) return 200, req.query.a end)`,
		"after set_uri": `
			route:get("/x", function(req) local _ = req.query.a req:set_uri("/y?a=first") return 200, req.query.a end)`,
		"after set_raw_query": `
			route:get("/x", function(req) local _ = req.query.a req:set_raw_query("a=fir%73t") return 200, req.query.a end)`,
		"after a rewrite of Caddy's": `
			route:use(function(req) assert(req.query.a == "first") end)
			route:use(route.handler("rewrite", { uri = "/x?a=second" }))
			route:use(function(req) assert(req.query.a == "second", req.query.a) req:set_query("a", "first") end)
			route:get("/x", function(req) return 200, req.query.a end)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := script(t, body)
			if a := s.Do(t, "/x?a=first", ""); a.String() != "200 first" {
				t.Errorf("got %s", a)
			}
			for len(s.Errors) > 0 {
				t.Error(<-s.Errors)
			}
		})
	}
}

package url_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	luaurl "github.com/luaroute/caddy-luaroute/luaroute/lib/url"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var world = libtest.World{Name: "url", Library: luaurl.Library{}}

// show is a function that writes a table with its keys sorted.
const show = `local function show(t, e)
	if t == nil then return "nil " .. e end
	if type(t) ~= "table" then return tostring(t) end
	local names = {}
	for k in pairs(t) do names[#names + 1] = tostring(k) end
	table.sort(names)
	for i, k in ipairs(names) do names[i] = k .. "=" .. show(t[k] or t[tonumber(k)]) end
	return "{" .. table.concat(names, " ") .. "}"
end `

type row struct{ name, expression, want string }

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Call(t, show+"return show("+row.expression+")"); err != nil || got != row.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, row.want)
			}
		})
	}
}

func TestAURLIsTakenApart(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{
			"all parts", `url.parse("https://ann:p%40ss@Example.com:8443/a%20b/c?x=1&y=%20#top%21")`,
			"{fragment=top! host=Example.com password=p@ss path=/a b/c port=8443 query=x=1&y=%20 scheme=https user=ann}",
		},
		{"a path only", `url.parse("/a/b")`, "{path=/a/b}"},
		{"nothing", `url.parse("")`, "{path=}"},
		{"a host only", `url.parse("//example.com")`, "{host=example.com path=}"},
		{"a path that has another encoding", `url.parse("/a%2Fb")`, "{path=/a/b raw_path=/a%2Fb}"},
		{"an empty query", `url.parse("/?")`, "{path=/ query=}"},
		{"a user without password", `url.parse("ftp://ann@h")`, "{host=h path= scheme=ftp user=ann}"},
		{"an empty password", `url.parse("ftp://ann:@h")`, "{host=h password= path= scheme=ftp user=ann}"},
		{"an IPv6 address", `url.parse("http://[2001:db8::1]:80/")`, "{host=2001:db8::1 path=/ port=80 scheme=http}"},
		{"an IPv6 address with a zone", `url.parse("http://[fe80::1%25en0]/")`, "{host=fe80::1%en0 path=/ scheme=http}"},
		{"an empty port is none", `url.parse("http://h:/")`, "{host=h path=/ scheme=http}"},
		{"a scheme in upper case", `url.parse("HTTP://h")`, "{host=h path= scheme=http}"},
		{"an address for mail", `url.parse("mailto:ann@example.com")`, "{opaque=ann@example.com path= scheme=mailto}"},
		{"a wrong escape", `url.parse("/%zz")`, `nil url: parse "/%zz": invalid URL escape "%zz"`},
		{"a control character", `url.parse("/a\nb")`, `nil url: parse "/a\nb": net/url: invalid control character in URL`},
		{"a host with a blank", `url.parse("http://a b/")`, `nil url: parse "http://a b/": invalid character " " in host name`},
		{"a port that is no number", `url.parse("http://h:x/")`, `nil url: parse "http://h:x/": invalid port ":x" after host`},
		{"a zone that is not ASCII", `url.parse("//[::1%25\233]/")`, `nil url: the host is "[::1%\xe9]"; the zone of an IPv6 address must be ASCII`},
		{"a host with two colons", `url.parse("x://0::/")`, `nil url: the host is "0::"; an IPv6 address must be in brackets`},
		{"a port that is too large", `url.parse("http://h:65536/")`, `nil url: the port is "65536"; allowed are 0 to 65535`},
		{"a URL that is too long", `url.parse(("x"):rep(65537))`, `nil url: it has 65537 bytes; allowed are 65536`},
	})
}

func TestAURLIsBuilt(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{
			"all parts", `url.build{scheme = "https", user = "ann", password = "p@ss", host = "h", port = 8443, path = "/a b", query = "x=1", fragment = "top!"}`,
			"https://ann:p%40ss@h:8443/a%20b?x=1#top!",
		},
		{"nothing", `url.build{}`, ""},
		{"a path", `url.build{path = "/ü?"}`, "/%C3%BC%3F"},
		{"a path as it is encoded", `url.build{path = "/a/b", raw_path = "/a%2Fb"}`, "/a%2Fb"},
		{"an encoded path only", `url.build{raw_path = "/a%2Fb"}`, "/a%2Fb"},
		{"a query as a table", `url.build{path = "/", query = {b = {1, 2}, a = "x y"}}`, "/?a=x+y&b=1&b=2"},
		{"an empty query", `url.build{path = "/", query = ""}`, "/?"},
		{"an IPv6 address", `url.build{scheme = "http", host = "2001:db8::1", port = "80"}`, "http://[2001:db8::1]:80"},
		{"an IPv6 address with a zone", `url.build{scheme = "http", host = "fe80::1%en0"}`, "http://[fe80::1%25en0]"},
		{"an address for mail", `url.build{scheme = "mailto", opaque = "ann@example.com"}`, "mailto:ann@example.com"},
		{"a scheme in upper case", `url.build{scheme = "HTTP", host = "h"}`, "http://h"},
		{"a path that would become a host", `url.build{path = "//evil.example/x"}`, `nil url: the parts make "//evil.example/x", which does not read as these parts`},
		{"a path that does not begin with a slash", `url.build{scheme = "http", host = "h", path = "x"}`, `nil url: the parts make "http://h/x", which does not read as these parts`},
		{"a path that would become a scheme", `url.build{path = "a:b"}`, `nil url: the parts make "./a:b", which does not read as these parts`},
		{"a host that has a path", `url.build{scheme = "http", host = "a/b"}`, `nil url: the parts make no URL: parse "http://a%2Fb": invalid URL escape "%2F"`},
		{"a host that has a user", `url.build{scheme = "http", host = "a@b"}`, `nil url: the parts make no URL: parse "http://a%40b": invalid URL escape "%40"`},
		{"a host that has a port", `url.build{scheme = "http", host = "h:80"}`, `nil url: the parts make no URL: parse "http://[h:80]": invalid host: ParseAddr("h:80"): each colon-separated field must have at least one digit (at "h:80")`},
		{"a scheme with a blank", `url.build{scheme = "a b", host = "h"}`, `nil url: the parts make no URL: parse "a b://h": first path segment in URL cannot contain colon`},
		{"a query with a fragment", `url.build{path = "/", query = "a#b"}`, `nil url: the parts make "/?a#b", which does not read as these parts`},
		{"a query with a blank", `url.build{path = "/", query = "a b"}`, `nil url: the parts make "/?a b", which does not read as these parts`},
		{"a query with a line break", `url.build{path = "/", query = "a\nb"}`, `nil url: the parts make no URL: parse "/?a\nb": net/url: invalid control character in URL`},
		{"a port that is too large", `url.build{host = "h", port = 65536}`, `nil url: the port is "65536"; allowed are 0 to 65535, with a host`},
		{"a port without a host", `url.build{port = 80}`, `nil url: the port is "80"; allowed are 0 to 65535, with a host`},
		{"half a port", `url.build{host = "h", port = 80.5}`, `nil url: the port is "80.5"; allowed are 0 to 65535, with a host`},
		{"two paths", `url.build{path = "/a", raw_path = "/b"}`, `nil url: raw_path is "/b", which is not the path "/a"`},
		{"an encoded path with a wrong escape", `url.build{raw_path = "/%2"}`, `nil url: raw_path: invalid URL escape "%2"`},
		{"an encoded path that is not", `url.build{raw_path = "/a b"}`, `nil url: raw_path is "/a b"; encoded it is "/a%20b"`},
		{"parts that are too long", `url.build{path = ("x"):rep(65537)}`, `nil url: the parts have 65537 bytes; allowed are 65536`},
	})
}

func TestAReferenceIsResolved(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"a path", `url.resolve("http://h/a/b?x", "/c")`, "http://h/c"},
		{"a neighbour", `url.resolve("http://h/a/b", "c?y")`, "http://h/a/c?y"},
		{"a level up", `url.resolve("http://h/a/b/c", "../d")`, "http://h/a/d"},
		{"too many levels up", `url.resolve("http://h/a", "../../../d")`, "http://h/d"},
		{"another host", `url.resolve("https://h/a", "//other/b")`, "https://other/b"},
		{"another URL", `url.resolve("https://h/a", "http://other/")`, "http://other/"},
		{"nothing", `url.resolve("http://h/a?x", "")`, "http://h/a?x"},
		{"a path on a path", `url.resolve("/a/b", "c")`, "/a/c"},
		{"a wrong base", `url.resolve("http://[/", "c")`, `nil url: parse "http://[/": missing ']' in host`},
		{"a wrong reference", `url.resolve("http://h/", "%")`, `nil url: parse "%": invalid URL escape "%"`},
	})
}

func TestTextsAreEscaped(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"what need not be escaped", `url.escape("azAZ09-_.~")`, "azAZ09-_.~"},
		{"all else", `url.escape("a b/ü&+%\0")`, "a%20b%2F%C3%BC%26%2B%25%00"},
		{"nothing", `url.escape("")`, ""},
		{"and back", `url.unescape(url.escape("a b/ü&+%"))`, "a b/ü&+%"},
		{"a plus stays", `url.unescape("a+b%2b")`, "a+b+"},
		{"half an escape", `url.unescape("a%2")`, `nil url: invalid URL escape "%2"`},
		{"a wrong digit", `url.unescape("%zz")`, `nil url: invalid URL escape "%zz"`},
		{"a path", `url.escape_path("/a b/ü?#%")`, "/a%20b/%C3%BC%3F%23%25"},
		{"characters that a path may have", `url.escape_path("/a:@!$&'()*+,;=")`, "/a:@%21$&%27%28%29%2A+,;="},
	})
}

func TestAQueryIsReadAndWritten(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"names and values", `url.parse_query("a=1&b=x+y%26&c=&d")`, "{a=1 b=x y& c= d=}"},
		{"several values", `url.parse_query("a=2&a=1&b=0")`, "{a={1=2 2=1} b=0}"},
		{"nothing", `url.parse_query("")`, "{}"},
		{"a wrong escape", `url.parse_query("a=%&b=%zz%41")`, "{a=% b=%zzA}"},
		{"a semicolon", `url.parse_query("a=1;b=2&c")`, "{a=1;b=2 c=}"},
		{"sorted by name", `url.build_query{b = 1, a = "x y&", c = true}`, "a=x+y%26&b=1&c=true"},
		{"lists repeat the name", `url.build_query{a = {2, 1}, b = {}}`, "a=2&a=1"},
		{"an empty table", `url.build_query{}`, ""},
	})
}

func TestWrongArgumentsRaise(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{`url.parse()`, `bad argument #1 to 'parse' (s: string expected, got no value)`},
		{`url.parse({})`, `bad argument #1 to 'parse' (s: string expected, got table)`},
		{`url.build("x")`, `bad argument #1 to 'build' (parts: table expected, got string)`},
		{`url.build{raw_query = "x"}`, `bad argument #1 to 'build' (parts: a URL has no part "raw_query"; allowed are fragment, host, opaque, password, path, port, query, raw_path, scheme, user)`},
		{`url.build{host = 1}`, `bad argument #1 to 'build' (parts: host is a number; expected a string)`},
		{`url.build{path = {}}`, `bad argument #1 to 'build' (parts: path is a table; expected a string)`},
		{`url.resolve("x")`, `bad argument #2 to 'resolve' (reference: string expected, got no value)`},
		{`url.escape(nil)`, `bad argument #1 to 'escape' (s: string expected, got nil)`},
		{`url.build_query{"x"}`, `bad argument #1 to 'build_query' (table: a name of the query is a number; expected a string)`},
		{`url.build_query{a = print}`, `bad argument #1 to 'build_query' (table: the value of "a" in the query is a function; expected a string, a number, a boolean or a list of them)`},
		{`url.build_query{a = {{}}}`, `bad argument #1 to 'build_query' (table: the value of "a" in the query is a table; expected a string, a number, a boolean or a list of them)`},
		{`url.escape(("ü"):rep(2 ^ 22))`, `the string is too large; allowed are 16777216 bytes`},
		{`url.build_query{a = ("x"):rep(2 ^ 24)}`, `the string is too large; allowed are 16777216 bytes`},
	} {
		if _, err := world.Eval(t, row.call); err == nil || err.Error() != "main.lua:1: "+row.want {
			t.Errorf("%s: got %v, want %s", row.call, err, row.want)
		}
	}
}

func TestAScriptCanNotWorkBeyondItsBudgetWithURLs(t *testing.T) {
	t.Parallel()
	world.EndWithTheBudget(t, map[string]string{
		"parsing little":          `while true do url.parse("") end`,
		"parsing much":            `local s = ("/%20"):rep(16000) while true do url.parse(s) end`,
		"parsing what is refused": `local s = ("/%zz"):rep(16000) while true do url.parse(s) end`,
		"building":                `local t = { path = (" "):rep(60000) } while true do url.build(t) end`,
		"resolving":               `local s = ("../a/"):rep(10000) while true do url.resolve("http://h/", s) end`,
		"escaping":                `local s = (" "):rep(2 ^ 20) while true do url.escape(s) end`,
		"unescaping":              `local s = ("%20"):rep(2 ^ 20) while true do url.unescape(s) end`,
		"reading queries":         `local s = ("a=%20&"):rep(9000) while true do url.parse_query(s) end`,
		"writing queries":         `local t = {} for i = 1, 1000 do t["k" .. i] = { i, i } end while true do url.build_query(t) end`,
	})
}

func FuzzAURLThatIsParsedIsBuiltTheSame(f *testing.F) {
	for _, seed := range []string{
		"https://ann:p%40ss@example.com:8443/a%20b/c?x=1#top", "//h", "/a%2Fb?", "mailto:a@b", "http://[::1%25z]:1/", "//[::%25\x89]", "/%2F\"", "a:b", "./a:b", "?#", "////x", "http://u:@h", "http:/x",
	} {
		f.Add(seed)
	}
	s, ref := world.State(f, `keep(function(text)
		local parts = url.parse(text)
		if parts == nil then return "" end
		local again, err = url.build(parts)
		return again and "=" .. again or "!" .. err
	end)`)
	f.Fuzz(func(t *testing.T, text string) {
		s.Arm(vm.Limits{CPU: time.Minute}, t.Context())
		got, err := libtest.Text(s, s.Call(s.Func(ref), 1, libtest.String(text)))
		if err != nil {
			t.Fatal(err)
		}
		u, stdErr := url.Parse(text)
		switch {
		case got == "" && stdErr == nil && len(text) <= 1<<16 && !strings.Contains(u.Hostname(), ":") && len(u.Port()) < 5:
			t.Fatalf("%q is refused", text)
		case strings.HasPrefix(got, "!") && !strings.ContainsAny(text, " "):
			t.Fatalf("%q: %s", text, got)
		case strings.HasPrefix(got, "="):
			again, err := url.Parse(got[1:])
			if err != nil || fmt.Sprint(again.Hostname(), again.Path, again.RawQuery, again.Fragment) != fmt.Sprint(u.Hostname(), u.Path, u.RawQuery, u.Fragment) {
				t.Fatalf("%q became %q, %v", text, got[1:], err)
			}
		}
	})
}

package template_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
)

// values are those of a request: parameters as they are matched, and placeholders, whose names have a dot.
type values map[string]string

func (v values) MatchedParam(name string) string { return v[name] }
func (v values) Placeholder(name string) string  { return v[name] }

func TestValuesAreEncodedForTheirPlace(t *testing.T) {
	t.Parallel()
	hostile := `a/b?c=d&e#f %"<>{};@é` + "\r\n"
	matched := `a%2Fb?c=d&e#f %25"<>{};@é` + "\r\n"
	v := values{
		"id": "77", "s": matched, "*": "x y/" + matched, "deep": "//evil.example", "empty": "",
		"http.request.host": "a.example:80", "http.vars.s": hostile, "http.request.uri": "/p/q?x=1&y=%20", "http.request.uri.query": "x=1&y=%20",
		"http.request.uri.prefixed_query": "?x=1", "http.request.scheme": "https", "http.request.uri.path": "/p q/r",
	}
	for _, c := range []struct {
		place      template.Place
		text, want string
	}{
		{template.Path, "/v2/{id}", "/v2/77"},
		{template.Path, "/a b/{id}.json", "/a%20b/77.json"},
		{template.Path, "/{s}", "/a%2Fb%3Fc=d&e%23f%20%25%22%3C%3E%7B%7D%3B@%C3%A9%0D%0A"},
		{template.Path, "/{*}", "/x%20y/a%2Fb%3Fc=d&e%23f%20%25%22%3C%3E%7B%7D;@%C3%A9%0D%0A"},
		{template.Path, "/{http.vars.s}", "/a/b%3Fc=d&e%23f%20%25%22%3C%3E%7B%7D;@%C3%A9%0D%0A"},
		{template.Path, "/{deep}", "/%2F%2Fevil.example"},
		{template.Path, "{http.request.uri.path}", "/p%20q/r"},
		{template.Path, "/{{id}/{id}", "/%7Bid%7D/77"},
		{template.Query, "a={s}", "a=a%2Fb%3Fc%3Dd%26e%23f+%25%22%3C%3E%7B%7D%3B%40%C3%A9%0D%0A"},
		{template.Query, "{http.request.uri.query}&id={id}", "x=1&y=%20&id=77"},
		{template.Query, "{http.request.uri.prefixed_query}", "x=1"},
		{template.Header, "v={s}", "v=a/b?c=d&e#f %\"<>{};@é"},
		{template.Header, `{{"id":"{id}"}`, `{"id":"77"}`},
		{template.Location, "/blog/{id}", "/blog/77"},
		{template.Location, "/b?next={s}#{id}", "/b?next=a%2Fb%3Fc%3Dd%26e%23f+%25%22%3C%3E%7B%7D%3B%40%C3%A9%0D%0A#77"},
		{template.Location, "/{*}", "/x%20y/a%2Fb%3Fc=d&e%23f%20%25%22%3C%3E%7B%7D;@%C3%A9%0D%0A"},
		{template.Location, "https://{http.request.host}{http.request.uri}", "https://a.example:80/p/q?x=1&y=%20"},
		{template.Location, "{http.request.scheme}://{id}.example/x y", "https://77.example/x%20y"},
		{template.Location, "https://{s}.example/", "https://a%2Fb%3Fc%3Dd%26e%23f%20%25%22%3C%3E%7B%7D%3B%40%C3%A9%0D%0A.example/"},
		{template.Location, "{http.request.uri}&id={s}", "/p/q?x=1&y=%20&id=a%2Fb%3Fc%3Dd%26e%23f+%25%22%3C%3E%7B%7D%3B%40%C3%A9%0D%0A"},
		{template.Location, " /x/{id}\t", "/x/77"},
		{template.Plain, "10.0.0.{id}:80", "10.0.0.77:80"},
		{template.Plain, "{http.luaroute.params.id}{empty}", "77"},
	} {
		text, err := template.Parse(c.text, c.place)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := text.String(v); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestAStringThatMakesAPathOrALocationNeverNamesAHost(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"/evil.example", "//evil.example", "///evil.example/x", `\evil.example`} {
		for _, place := range []template.Place{template.Path, template.Location} {
			text, err := template.Parse("/{*}", place)
			if err != nil {
				t.Fatal(err)
			}
			got := text.String(values{"*": value})
			if u, err := url.Parse(got); err != nil || u.Host != "" || strings.HasPrefix(got, "//") || strings.Contains(got, `\`) {
				t.Errorf("%q made %q", value, got)
			}
		}
	}
}

func TestAWrongStringSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place      template.Place
		text, want string
	}{
		{template.Path, "/a{b", `"/a{b" has a { without a }; a brace is written {{`},
		{template.Path, "/a{b{c}", `"/a{b{c}" has a { without a }; a brace is written {{`},
		{template.Path, "/{}", `"/{}": {} has no name; a brace is written {{`},
		{template.Header, "{env.SECRET}", `"{env.SECRET}": {env.SECRET} is not for data; use route.env or route.read while the script loads`},
		{template.Header, "{file./etc/passwd}", `"{file./etc/passwd}": {file./etc/passwd} is not for data; use route.env or route.read while the script loads`},
		{template.Header, "{http.request.body}", `"{http.request.body}": {http.request.body} is not for data; a function reads the body within its limit, with req:body()`},
		{template.Location, "{next}", `"{next}": {next} at the beginning would let clients choose where it leads; begin with a slash or a host`},
		{template.Location, "https://a.example{*}", `"https://a.example{*}": {*} is behind a host without a slash between them`},
	} {
		if _, err := template.Parse(c.text, c.place); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", c.text, err, c.want)
		}
	}
	text, err := template.Parse("/{id}/{host}", template.Path)
	if err != nil {
		t.Fatal(err)
	}
	for want, params := range map[string][]string{
		"it has {id}, {*}. ": {"id", "*"}, "it has none. ": nil,
	} {
		if err := text.Check(params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestAQueryOfNamesAndValuesKeepsItsPlaceholders(t *testing.T) {
	t.Parallel()
	got, err := template.EncodeQuery(url.Values{"b": {"{id}", "x&y {{z}"}, "a {id}": {"1"}})
	if want := "a+{id}=1&b={id}&b=x%26y+%7Bz%7D"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestTheHeaderThatValuesMakeIsBounded(t *testing.T) {
	t.Parallel()
	_, _, fields, err := template.ParseHeader(&field.Ops{Set: http.Header{"X-A": slices.Repeat([]string{"{http.vars.long}"}, 1000)}})
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := fields.Apply(h, values{"http.vars.long": strings.Repeat("x", 100_000)}); err == nil || len(h) > 0 {
		t.Errorf("got %v and %d fields", err, len(h))
	}
	if err := fields.Apply(h, values{"http.vars.long": "x"}); err != nil || len(h["X-A"]) != 1000 {
		t.Errorf("got %v and %d values", err, len(h["X-A"]))
	}
}

// FuzzValues looks for a value that leaves its place.
func FuzzValues(f *testing.F) {
	for _, value := range []string{"", "a", "../x", "a%2F", "%", "\x00\r\n", "é?#&=+ ", `\/;`} {
		f.Add(value)
	}
	parse := func(s string, place template.Place) *template.Text {
		text, err := template.Parse(s, place)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	path, query, header := parse("/a/{v}/z", template.Path), parse("v={v}&z=1", template.Query), parse("<{v}>", template.Header)
	location := parse("https://a.example/{v}/z?q={v}", template.Location)
	f.Fuzz(func(t *testing.T, value string) {
		matched := strings.NewReplacer("/", "%2F", "%", "%25").Replace(value)
		v := values{"v": matched}
		u, err := url.ParseRequestURI(path.String(v))
		if err != nil || u.Path != "/a/"+value+"/z" || strings.Count(u.EscapedPath(), "/") != 3 || u.RawQuery != "" {
			t.Errorf("%q makes the path %q: %v", value, path.String(v), err)
		}
		if q := rawquery.Parse(query.String(v)); len(q) != 2 || q.Get("v") != value || rawquery.Check(query.String(v)) != nil {
			t.Errorf("%q makes the query %q", value, query.String(v))
		}
		if h := header.String(v); !httpguts.ValidHeaderFieldValue(h) || field.Check("X-A", h) != nil {
			t.Errorf("%q makes the field %q", value, h)
		}
		l, err := url.Parse(location.String(v))
		if err != nil || l.Host != "a.example" || l.Path != "/a"[:1]+value+"/z" || rawquery.Parse(l.RawQuery).Get("q") != value {
			t.Errorf("%q makes the location %q: %v", value, location.String(v), err)
		}
	})
}

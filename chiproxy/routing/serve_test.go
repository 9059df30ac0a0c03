package routing

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// middlewareFunc makes middleware of a function.
type middlewareFunc func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error)

func (f middlewareFunc) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	return f(ex, next)
}

func (f middlewareFunc) Traits() chiproxy.Traits {
	return chiproxy.Traits{Declines: true, Changes: true}
}

// actionFunc makes an action of a function.
type actionFunc func(*chiproxy.Exchange) (chiproxy.Verdict, error)

func (f actionFunc) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return f(ex) }

func (f actionFunc) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

// guardFunc makes a guard of a function.
type guardFunc func(*chiproxy.Exchange) (bool, error)

func (f guardFunc) Allow(ex *chiproxy.Exchange) (bool, error) { return f(ex) }

// say answers with a text.
func say(text string) chiproxy.Action { return static.Respond{Body: text} }

// saying is what a scope says.
func saying(a chiproxy.Action) *chiproxy.Answer { return &chiproxy.Answer{Action: a} }

// key lets requests with a key pass.
var key = middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if ex.R.Header.Get("Key") == "" {
		return chiproxy.Done, caddyhttp.Error(http.StatusUnauthorized, nil)
	}
	return next()
})

// at makes a route. Its rule is a pattern, after methods separated by commas if it has any.
func at(rule string, a chiproxy.Action, guards ...chiproxy.Guard) chiproxy.Item {
	r := &chiproxy.Route{Action: a, Guards: guards, Pattern: rule}
	if methods, pattern, ok := strings.Cut(rule, " "); ok {
		r.Methods, r.Pattern = strings.Split(methods, ","), pattern
	}
	return chiproxy.Item{Route: r}
}

// in makes a scope of items.
func in(s chiproxy.Scope, items ...chiproxy.Item) chiproxy.Item {
	s.Items = append(s.Items, items...)
	return chiproxy.Item{Scope: &s}
}

func owner(pattern string, items ...chiproxy.Item) chiproxy.Item {
	return in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: pattern}, items...)
}

func root(items ...chiproxy.Item) chiproxy.Scope { return chiproxy.Scope{Items: items} }

// only makes a specification without tenants.
func only(items ...chiproxy.Item) chiproxy.Spec {
	return chiproxy.Spec{Default: chiproxy.Tenant{Root: root(items...)}}
}

// header guards by a header field.
func header(name string, values ...string) chiproxy.Guard {
	return &chiproxy.DataGuard{Conditions: []chiproxy.Condition{{Name: name, Values: values}}}
}

// reply is what a client and the server see of one request.
type reply struct {
	*httptest.ResponseRecorder
	err error
}

// String is the body, next, or the status of the error.
func (r reply) String() string {
	if he, ok := errors.AsType[caddyhttp.HandlerError](r.err); ok {
		return fmt.Sprint(he.StatusCode)
	}
	if r.err != nil {
		return "error: " + r.err.Error()
	}
	return r.Body.String()
}

// send asks a table. The handler behind it answers "next".
func send(t *Table, r *http.Request) reply {
	w := httptest.NewRecorder()
	err := t.Serve(w, prepared(w, r), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "next")
		return err
	}))
	return reply{w, err}
}

// ask makes a request of a line: a method, a URL or path, and header fields.
func ask(line string, fields ...string) *http.Request {
	method, target, ok := strings.Cut(line, " ")
	if !ok {
		method, target = http.MethodGet, line
	}
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Method = method
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// expect maps request lines to replies.
type expect map[string]string

func (e expect) check(t *testing.T, s chiproxy.Spec) {
	t.Helper()
	table := mustBuild(t, s)
	for line, want := range e {
		parts := strings.Split(line, " | ")
		if got := send(table, ask(parts[0], parts[1:]...)).String(); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec chiproxy.Spec
		want expect
	}{
		"a table without routes hands everything on": {chiproxy.Spec{}, expect{"/": "next", "POST /x": "next"}},
		"a more specific pattern comes first": {
			only(at("/*", say("all")), at("/users/{id}", say("param")), at("/users/{id:[0-9]+}", say("regexp")), at("/users/me", say("static"))),
			expect{"/users/me": "static", "/users/7": "regexp", "/users/x": "param", "/users": "all", "/users/x/y": "all"},
		},
		"a trailing slash is significant": {
			only(at("/a", say("without")), at("/b/", say("with"))),
			expect{"/a": "without", "/a/": "next", "/b": "next", "/b/": "with"},
		},
		"a catch-all matches an empty rest, but not the path without its slash": {
			only(at("/a/*", say("a"))), expect{"/a": "next", "/a/": "a", "/a/b/c": "a"},
		},
		"a catch-all may stand within a segment": {
			only(at("/file-*", say("file"))), expect{"/file-": "file", "/file-a/b": "file", "/file": "next"},
		},
		"names do not tell shapes apart, but may differ": {
			only(at("GET /u/{id}", say("get")), at("POST /u/{name}", say("post"))),
			expect{"/u/1": "get", "POST /u/1": "post"},
		},
		"GET answers HEAD": {only(at("GET /", say("x"))), expect{"HEAD /": ""}},
		"a HEAD route of the same shape answers HEAD": {
			only(at("GET /", say("x")), at("HEAD /", chiproxy.Error{Status: 418})), expect{"HEAD /": "418", "GET /": "x"},
		},
		"a HEAD route of another shape leaves GET alone": {
			only(at("GET /a", say("x")), at("HEAD /*", chiproxy.Error{Status: 418})), expect{"HEAD /a": ""},
		},
		"any method token may be registered": {
			only(at("PURGE,x-my~method /", say("x"))),
			expect{"PURGE /": "x", "x-my~method /": "x", "GET /": "405"},
		},
		"a route without methods serves every method but CONNECT": {
			only(at("/", say("x"))), expect{"BREW /": "x", "TRACE /": "x", "CONNECT /": "405"},
		},
		"plain CONNECT is served where it is named": {
			only(at("CONNECT /", say("x"))), expect{"CONNECT /": "x", "GET /": "405"},
		},
		"a less specific pattern may have the method": {
			only(at("GET /a", say("get")), at("POST /*", say("post"))), expect{"POST /a": "post", "GET /a": "get"},
		},
		"a less specific route for all methods has the others": {
			only(at("GET /a", say("get")), at("/*", say("all"))), expect{"POST /a": "all", "HEAD /a": ""},
		},
		"a HEAD route that declines leaves HEAD to a less specific pattern, not to GET": {
			only(at("GET /a", say("get")), at("HEAD /a", chiproxy.Decline{}, header("Never")), at("HEAD /*", chiproxy.Error{Status: 418})), expect{"HEAD /a": "418"},
		},
		"regexps with text behind come first, also when a more specific pattern declines": {
			only(
				at("/q.y", chiproxy.Decline{}), at("GET /{a:[a-z.]+}", say("a")), at("GET /{b:[a-z]+}.x", say("b")),
				at("GET /{c:[0-9]+}", say("c")), at("GET /{d:[a-z]{1,9}}.y", say("d")),
			),
			expect{"/q.y": "d", "/z.y": "d", "/z.yy": "a", "/q.x": "b", "/1": "c"},
		},
		"all guards of a route must hold": {
			only(at("/", say("both"), header("A"), header("B")), at("/", say("a"), header("A")), at("/", say("none"))),
			expect{"/ | A: 1 | B: 1": "both", "/ | A: 1": "a", "/ | B: 1": "none"},
		},
		"a declining pattern leaves the request to the next less specific one": {
			only(at("/*", say("all")), at("/u/{id}", chiproxy.Decline{}), at("/u/me", say("me"), header("Me")), at("/u/*", say("u"), header("U"))),
			expect{"/u/me | Me: 1": "me", "/u/me": "all", "/u/me | U: 1": "u", "/u/x": "all"},
		},
		"priority orders the routes of one shape": {
			only(at("/", say("low"), header("A")), chiproxy.Item{Route: &chiproxy.Route{Pattern: "/", Action: say("high"), Priority: 1, Guards: []chiproxy.Guard{header("A")}}}),
			expect{"/ | A: 1": "high"},
		},
		"priority does not beat specificity": {
			only(chiproxy.Item{Route: &chiproxy.Route{Pattern: "/*", Action: say("all"), Priority: 9}}, at("/a", say("a"))),
			expect{"/a": "a"},
		},
		"a regexp matches its whole segment": {
			only(at("/{x:a|b}", say("x")), at("/f/{name:[a-z]+}.txt", say("f"))),
			expect{
				"/a": "x", "/b": "x", "/ab": "next", "/ba": "next",
				"/f/n.txt": "f", "/f/1.txt": "next", "/f/a.b.txt": "next",
			},
		},
		"a regexp stands for an empty value only if it matches that and text is beside it": {
			only(at("/f/{name:[a-z]*}.txt", say("f")), at("/f/{name:[a-z]+}.md", say("m")), at("/g{x:a*}/x", say("g")), at("/*", say("rest"))),
			expect{"/f/.txt": "f", "/f/a.txt": "f", "/f/.md": "rest", "/f/a.md": "m", "/g/x": "rest", "/ga/x": "g"},
		},
		"a regexp never spans segments": {
			only(at("/{x:.+}-end", say("x")), at("/a/{y}", say("y"))), expect{"/b-end": "x", "/a/b-end": "y", "/c/b-end": "next"},
		},
		"paths are cleaned and decoded": {
			only(at("/a/b", say("ab")), at("/ä", say("umlaut"))),
			expect{"/a//b": "ab", "/a/./b": "ab", "/x/../a/b": "ab", "/%61/b": "ab", "/%C3%A4": "umlaut", "/a/%2e/b": "ab"},
		},
		"an escaped slash does not split a segment": {
			only(at("/{one}", say("one")), at("/{one}/{two}", say("two")), at("/a%2Fb", say("literal"))),
			expect{"/x%2Fy": "one", "/x%2fy/z": "two", "/a%2fb": "literal"},
		},
		"an escaped percent sign stays one": {
			only(at("/100%25", say("literal")), at("/{x}", say("x"))), expect{"/100%25": "literal", "/a%252Fb": "x"},
		},
		"matching is case-sensitive, and another case of a route's path is not handed on": {
			only(at("/Admin/*", say("admin")), at("/x", say("x"))),
			expect{"/Admin/a": "admin", "/admin/a": "404", "/ADMIN/a": "404", "/Admin%2Fa": "404", "/X": "404", "/other": "next"},
		},
		"of two routes that differ in case, one does not let the other's requests by": {
			only(at("/Admin/*", say("admin"), header("A")), at("/admin/*", say("other"), header("B"))),
			expect{"/Admin/x": "404", "/admin/x | A: 1": "404", "/admin/x | B: 1": "other"},
		},
		"what fell through as it was written is handed on in another case too": {
			only(at("/*", say("beta"), header("Beta"))), expect{"/Images/Logo.PNG": "next", "/IMAGES | Beta: 1": "beta"},
		},
		"a scope owns its prefix with and without slash, and all below": {
			only(owner("/admin", at("/", say("root")), at("/x", say("x"))), at("/*", say("all"))),
			expect{"/admin": "root", "/admin/": "root", "/admin/x": "x", "/admin/y": "next", "/administrator": "all"},
		},
		"the root of a scope comes before its catch-all": {
			only(owner("/admin", at("/*", say("any")), at("/", say("root"), header("R")))),
			expect{"/admin | R: 1": "root", "/admin/ | R: 1": "root", "/admin": "any", "/admin/": "any", "/admin/x | R: 1": "any"},
		},
		"the catch-all of a scope takes its root": {
			only(owner("/admin", at("/*", say("any")))), expect{"/admin": "any", "/admin/": "any", "/admin/x/y": "any"},
		},
		"a miss in a scope does not reach another pattern around it": {
			only(owner("/admin", at("/users", say("users"))), at("/{name}/settings", say("settings"))),
			expect{"/admin/settings": "next", "/other/settings": "settings"},
		},
		"a scope at the root owns everything": {
			only(owner("/", at("/a", say("a")), in(chiproxy.Scope{NotFound: saying(say("nothing"))}))), expect{"/a": "a", "/": "nothing", "/b": "nothing"},
		},
		"a group owns nothing": {
			only(in(chiproxy.Scope{}, at("/g/a", say("a"))), at("/g/*", say("all"))), expect{"/g/a": "a", "/g/b": "all"},
		},
		"a route above a scope may be more specific by an earlier segment": {
			only(owner("/t/{id}", at("/x", say("x"))), at("/t/admin/foo", say("foo"))),
			expect{"/t/admin/foo": "foo", "/t/admin/x": "x", "/t/1/x": "x", "/t/1/foo": "next"},
		},
		"not_found is inherited by inner scopes": {
			only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/a", NotFound: saying(say("a's"))},
				owner("/b", at("/x", say("x"))),
				in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/c", NotFound: saying(say("c's"))}, at("/x", say("x"))))),
			expect{"/a/q": "a's", "/a/b/q": "a's", "/a/c/q": "c's", "/q": "next"},
		},
		"not_found of with keeps its middleware below scopes": {
			only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{key}, NotFound: saying(say("o"))}), owner("/s", at("/x", say("x")))),
			expect{"/none": "401", "/s/none": "401", "/s/none | Key: 1": "o", "/none | Key: 1": "o", "/s/x": "x"},
		},
		"not_found of a group is for the scopes in it beside that of the tenant": {
			chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{NotFound: saying(say("root's")), Items: []chiproxy.Item{
				in(chiproxy.Scope{NotFound: saying(say("first's"))}, owner("/a", at("/x", say("x")))),
				in(chiproxy.Scope{NotFound: saying(say("second's"))}, in(chiproxy.Scope{}, owner("/b", at("/x", say("x"))))),
				owner("/c", at("/x", say("x"))),
			}}}},
			expect{"/a/q": "first's", "/b/q": "second's", "/c/q": "root's", "/q": "root's"},
		},
		"method_not_allowed of a group is for what stands in it": {
			chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{MethodNotAllowed: saying(say("root's")), Items: []chiproxy.Item{
				in(chiproxy.Scope{Middleware: []chiproxy.Middleware{key}, MethodNotAllowed: saying(say("group's"))},
					at("POST /a", say("a")), owner("/s", at("POST /x", say("x"))), at("POST /both", say(""))),
				in(chiproxy.Scope{}, at("POST /b", say("b")), at("PUT /both", say(""))),
			}}}},
			expect{
				"/a": "401", "/a | Key: 1": "group's", "/s/x": "401", "/s/x | Key: 1": "group's", "/b": "root's",
				"/both": "root's", "/none": "next",
			},
		},
		"method_not_allowed of a group keeps its middleware where the scope around it gives it": {
			only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{key}, MethodNotAllowed: saying(say("group's"))}, at("POST /a", say("a"))), at("POST /b", say("b"))),
			expect{"/b": "401", "/b | Key: 1": "group's"},
		},
		"a 405 in the place of not_found is inside the same middleware": {
			only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{key}, NotFound: saying(say("o"))}), at("POST /b", say("b")), owner("/s", at("POST /x", say("")))),
			expect{"/b": "401", "/b | Key: 1": "405", "/s/x": "401", "/s/x | Key: 1": "405"},
		},
		"what fails in an answer of a group is for the group's on_error": {
			only(in(chiproxy.Scope{NotFound: saying(failAction), Failed: saying(say("sorry"))}), at("/a", failAction)),
			expect{"/none": "sorry", "/a": "500"},
		},
		"a layer comes before every unlayered route": {
			only(at("/a", say("a")), in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{header("Beta")}}, at("/*", say("beta")))),
			expect{"/a": "a", "/a | Beta: 1": "beta"},
		},
		"a layer carries the prefix of where it stands": {
			only(owner("/v1", in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{header("Beta")}}, at("/a", say("beta"))), at("/a", say("a")))),
			expect{"/v1/a": "a", "/v1/a | Beta: 1": "beta", "/a | Beta: 1": "next"},
		},
		"inner layers come before outer ones, then priority counts": {
			only(
				in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{header("A")}}, at("/*", say("outer")),
					in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{header("B")}}, at("/x", say("inner")))),
				in(chiproxy.Scope{Kind: chiproxy.Layer, Priority: 1, Guards: []chiproxy.Guard{header("C")}}, at("/*", say("high"))),
			),
			expect{"/x | A: 1 | B: 1 | C: 1": "inner", "/x | A: 1 | C: 1": "high", "/x | A: 1": "outer", "/x | B: 1": "next"},
		},
		"a layer for hosts is tried for them only": {
			only(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a.example", "*.b.example"}}, at("/", say("layer"))), at("/", say("base"))),
			expect{"http://a.example/": "layer", "http://x.b.example/": "layer", "http://b.example/": "base", "http://x.y.b.example/": "base"},
		},
		"layers that have a host by name come before those that have it by wildcard, but not before a higher priority": {
			only(
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"*.a.example", "c.a.example"}}, at("/", say("wild"))),
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"b.a.example"}}, at("/", say("exact"))),
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"c.a.example"}}, at("/c", say("c"))),
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"*.b.example"}, Priority: 1}, at("/", say("high"))),
				in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"x.b.example"}}, at("/y", say("low"))),
			),
			expect{
				"http://b.a.example/": "exact", "http://c.a.example/": "wild", "http://d.a.example/": "wild",
				"http://x.b.example/": "high", "http://x.b.example/y": "low",
			},
		},
		"a layer's not_found answers for its hosts": {
			only(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a.example"}, NotFound: saying(say("no"))}, at("/x", say("x"))), at("/*", say("base"))),
			expect{"http://a.example/x": "x", "http://a.example/y": "no", "http://b.example/y": "base"},
		},
		"not_found of the tenant is not the layer's": {
			chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{NotFound: saying(say("no")), Items: []chiproxy.Item{
				in(chiproxy.Scope{Kind: chiproxy.Layer}, owner("/a", at("/x", say("layer")))), at("/a/y", say("base")),
			}}}},
			expect{"/a/x": "layer", "/a/y": "base", "/a/z": "no"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.check(t, c.spec)
		})
	}
}

func TestTenants(t *testing.T) {
	t.Parallel()
	tenant := func(name string, t chiproxy.Tenant) chiproxy.Tenant {
		t.Name = name
		if t.Root.Items == nil && t.Root.NotFound == nil {
			t.Root = root(at("/*", say(name)))
		}
		return t
	}
	for name, c := range map[string]struct {
		spec chiproxy.Spec
		want expect
	}{
		"host and prefix beat the host, and the host beats the prefix": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{
				tenant("prefix", chiproxy.Tenant{PathPrefix: "/p"}),
				tenant("host", chiproxy.Tenant{Hosts: []string{"a.example"}}),
				tenant("both", chiproxy.Tenant{Hosts: []string{"a.example"}, PathPrefix: "/p"}),
			}},
			expect{"http://a.example/p/x": "both", "http://a.example/x": "host", "http://b.example/p/x": "prefix", "http://b.example/x": "next"},
		},
		"an exact host beats a wildcard, and a wildcard stands for one label": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{
				tenant("wild", chiproxy.Tenant{Hosts: []string{"*.example.com"}}), tenant("exact", chiproxy.Tenant{Hosts: []string{"a.example.com"}}),
			}},
			expect{"http://a.example.com/": "exact", "http://b.example.com/": "wild", "http://example.com/": "next", "http://c.b.example.com/": "next"},
		},
		"the longer prefix comes first, and owns whole segments": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant("short", chiproxy.Tenant{PathPrefix: "/acme"}), tenant("long", chiproxy.Tenant{PathPrefix: "/acme/eu"})}},
			expect{"/acme": "short", "/acme/": "short", "/acme/x": "short", "/acme/eu": "long", "/acme/eu/x": "long", "/acme/europe": "short", "/acmefoo": "next"},
		},
		"priority comes first of all": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant("both", chiproxy.Tenant{Hosts: []string{"a.example"}, PathPrefix: "/p"}), tenant("high", chiproxy.Tenant{Priority: 1})}},
			expect{"http://a.example/p/x": "high"},
		},
		"hosts ignore case, port, trailing dot, and the form of their letters": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant("t", chiproxy.Tenant{Hosts: []string{"Bücher.Example.", "::1", "192.0.2.1"}})}},
			expect{
				"http://xn--bcher-kva.example/": "t", "http://XN--BCHER-KVA.EXAMPLE:80/": "t", "http://xn--bcher-kva.example./": "t",
				"http://[::1]/": "t", "http://[::1]:8080/": "t", "http://[0:0:0:0:0:0:0:1]/": "t", "http://192.0.2.1:80/": "t", "http://192.0.2.2/": "next",
			},
		},
		"a tenant without the route leaves the request to the default tenant": {
			chiproxy.Spec{
				Tenants: []chiproxy.Tenant{
					tenant("first", chiproxy.Tenant{PathPrefix: "/a", Root: root(at("/x", say("first")))}),
					tenant("second", chiproxy.Tenant{Hosts: []string{}}),
				},
				Default: chiproxy.Tenant{Root: root(at("/a/*", say("default")))},
			},
			expect{"/a/x": "first", "/a/y": "default", "/b": "second"},
		},
		"fallthrough lets the next tenant be asked": {
			chiproxy.Spec{
				Tenants: []chiproxy.Tenant{
					tenant("first", chiproxy.Tenant{PathPrefix: "/a", Fallthrough: true, Root: root(at("/x", say("first")))}),
					tenant("second", chiproxy.Tenant{}),
				},
				Default: chiproxy.Tenant{Root: root(at("/a/*", say("default")))},
			},
			expect{"/a/x": "first", "/a/y": "second"},
		},
		"its own not_found ends the search": {
			chiproxy.Spec{
				Tenants: []chiproxy.Tenant{tenant("first", chiproxy.Tenant{Fallthrough: true, PathPrefix: "/a", Root: chiproxy.Scope{NotFound: saying(say("no"))}}), tenant("second", chiproxy.Tenant{})},
				Default: chiproxy.Tenant{Root: root(at("/*", say("default")))},
			},
			expect{"/a/y": "no", "/b": "second"},
		},
		"another case of a prefix is not handed on": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant("t", chiproxy.Tenant{PathPrefix: "/Acme", Root: root(at("/x", say("t")))})}},
			expect{"/Acme/x": "t", "/acme/x": "404", "/acme%2Fx": "404", "/acme/y": "next"},
		},
		"another case of a prefix is not handed on where not_found would answer": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{tenant("t", chiproxy.Tenant{PathPrefix: "/acme", Root: chiproxy.Scope{NotFound: saying(say("no"))}})}},
			expect{"/acme/y": "no", "/ACME/y": "404"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.check(t, c.spec)
		})
	}
}

func TestBuildWithoutPoolsNeedsNoCaddy(t *testing.T) {
	t.Parallel()
	if _, err := Build(only(at("/", say(""))), pool.NewSet(caddy.Context{})); err != nil {
		t.Fatal(err)
	}
}

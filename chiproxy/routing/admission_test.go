package routing

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// admits is middleware that passes on all requests, and says from whom it would keep something.
type admits chiproxy.Admission

func (admits) Handle(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	return next()
}

func (a admits) Traits() chiproxy.Traits {
	return chiproxy.Traits{Admits: chiproxy.Admission(a)}
}

func TestMiddlewareThatKeepsNothingFromAnybodyIsNoGuard(t *testing.T) {
	t.Parallel()
	const all, butSites, some = admits(chiproxy.AdmitsAll), admits(chiproxy.AdmitsAllButSites), admits(chiproxy.AdmitsSome)
	app := static.Respond{Body: "app"}
	behind := func(mw ...chiproxy.Middleware) chiproxy.Item {
		return in(chiproxy.Scope{Middleware: mw}, at("/a/b", app))
	}
	unknown := middlewareFunc(func(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		return next()
	})
	for name, c := range map[string]struct {
		items []chiproxy.Item
		want  expect
	}{
		"of nobody":           {[]chiproxy.Item{behind(all), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "app", "/x/..%2Fa/b": "app", "/a%2Fb | Origin: https://a.example": "app"}},
		"of sites":            {[]chiproxy.Item{behind(butSites), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "app", "/a%2Fb | Origin: https://a.example": "404", "/x%2Fb | Origin: https://a.example": "app"}},
		"of some":             {[]chiproxy.Item{behind(some), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "404", "/x%2Fb": "app"}},
		"that is not known":   {[]chiproxy.Item{behind(unknown), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "404"}},
		"beside another one":  {[]chiproxy.Item{behind(all, some, all), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "404"}},
		"inside of a guard":   {[]chiproxy.Item{in(chiproxy.Scope{Middleware: []chiproxy.Middleware{some}}, behind(all)), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "404"}},
		"around a guard":      {[]chiproxy.Item{in(chiproxy.Scope{Middleware: []chiproxy.Middleware{all}}, behind(some)), at("/*", app)}, expect{"/a/b": "app", "/a%2Fb": "404"}},
		"around all":          {[]chiproxy.Item{in(chiproxy.Scope{Middleware: []chiproxy.Middleware{some}}, behind(all), at("/*", app))}, expect{"/a/b": "app", "/a%2Fb": "app"}},
		"around a refusal":    {[]chiproxy.Item{in(chiproxy.Scope{Middleware: []chiproxy.Middleware{all}}, at("/a/b", chiproxy.Error{Status: 403})), at("/*", app)}, expect{"/a/b": "403", "/a%2Fb": "404"}},
		"around what may say": {[]chiproxy.Item{in(chiproxy.Scope{Middleware: []chiproxy.Middleware{all}}, at("/a/b", app, header("X-Key"))), at("/*", app)}, expect{"/a%2Fb": "404"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.check(t, only(c.items...))
		})
	}
}

package pathmux_test

import (
	"fmt"

	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

func Example() {
	var b pathmux.Builder[string]
	for _, text := range []string{"/*", "/users/{id}", "/users/{name:[a-z]+}", "/users/me"} {
		p, err := pathmux.Parse(text)
		if err != nil {
			panic(err)
		}
		s := b.Shape(p)
		s.Draft = text
		s.Wants = pathmux.EveryMethod() // and Serves stays nil: each may pass a request on
	}
	mux, err := pathmux.Build(&b, func(s *pathmux.Shape[string], e *string) { *e = s.Draft })
	if err != nil {
		panic(err)
	}
	var at pathmux.Match
	for e := mux.First(&at, "/users/me"); e != nil; e = mux.Next(&at) {
		fmt.Printf("%s %q\n", *e, at.Values())
	}
	// Output:
	// /users/me []
	// /users/{name:[a-z]+} ["me"]
	// /users/{id} ["me"]
	// /* ["users/me"]
}

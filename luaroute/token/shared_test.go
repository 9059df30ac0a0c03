package token_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

func TestADescriptionSaysWhereTheKeysAre(t *testing.T) {
	t.Parallel()
	discover := func(c *token.RemoteConfig) { c.URL, c.Issuer = "", "https://idp.example/realm/" }
	const path = "https://idp.example/realm/.well-known/openid-configuration"
	set := jwks(t, map[string]token.Key{"a": rsaKey})
	for _, row := range []struct {
		name, about, want string
		asked             int
	}{
		{"right", `{"issuer":"https://idp.example/realm/","jwks_uri":"https://keys.example/k"}`, "good", 2},
		{"that of another issuer", `{"issuer":"https://idp.example/realm","jwks_uri":"https://keys.example/k"}`, "keys unavailable", 1},
		{"without keys", `{"issuer":"https://idp.example/realm/"}`, "keys unavailable", 1},
		{"keys without TLS", `{"issuer":"https://idp.example/realm/","jwks_uri":"http://keys.example/k"}`, "keys unavailable", 1},
		{"keys in a file", `{"issuer":"https://idp.example/realm/","jwks_uri":"file:///etc/keys"}`, "keys unavailable", 1},
		{"HTML", `<html>`, "keys unavailable", 1},
	} {
		inWorld(t, discover, func(r *call.Request) (*call.Response, error) {
			switch r.URL {
			case path:
				return answers(200, row.about)(r)
			case "https://keys.example/k":
				return answers(200, set)(r)
			}
			return nil, errors.New("asked for " + r.URL)
		}, func(w *world) { w.ask(row.name, w.signedBy("a", rsaKey), row.want, row.asked) })
	}
}

// dry is a Caller that must not fetch.
type dry struct {
	token.Caller
	refused []string
}

func (d *dry) Fetch(from string) bool {
	d.refused = append(d.refused, from)
	return false
}

func TestWhoMustNotFetchUsesTheKeysThatThereAre(t *testing.T) {
	t.Parallel()
	inWorld(t, nil, answers(200, jwks(t, map[string]token.Key{"a": rsaKey})), func(w *world) {
		d := &dry{Caller: background()}
		text := w.signedBy("a", rsaKey)
		says(t, "without keys", w, text, d, "keys unavailable")
		w.ask("a request", text, "good", 1)
		says(t, "with keys", w, text, d, "good")
		time.Sleep(time.Minute)
		says(t, "an unknown key", w, w.signedBy("b", rsaKey2), d, "unknown key")
		if n := w.count(); n != 1 || len(d.refused) != 2 || d.refused[0] != usual.URL {
			t.Errorf("it fetched %d times, and refused %v", n, d.refused)
		}
	})
}

func TestAnAddressOfKeysIsAURL(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "idp.example", "ftp://idp.example", "https://", "https://u:p@idp.example/", "https://idp.example/#x", "://"} {
		c := token.RemoteConfig{URL: address, Issuer: address}
		if err := c.Check(); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
	if _, _, err := token.Open(call.Rules{}, token.RemoteConfig{URL: "x"}); err == nil {
		t.Error("a wrong address is opened")
	}
}

func TestOneSourceIsSharedByAllOfItsConfiguration(t *testing.T) {
	t.Parallel()
	first, release, err := token.Open(call.Rules{}, usual)
	if err != nil {
		t.Fatal(err)
	}
	second, release2, err := token.Open(call.Rules{}, usual)
	if err != nil {
		t.Fatal(err)
	}
	release() // as a reload does: the new configuration has it before the old one ends
	third, release3, err := token.Open(call.Rules{}, usual)
	if err != nil {
		t.Fatal(err)
	}
	other, release4, err := token.Open(call.Rules{Allow: []string{"10.0.0.0/8"}}, usual)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || second != third || other == first {
		t.Error("sources are shared wrongly")
	}
	for _, f := range []func(){release2, release3, release4} {
		f()
	}
	if again, release, err := token.Open(call.Rules{}, usual); err != nil || again == first {
		t.Errorf("a source that has ended is used again, %v", err)
	} else {
		release()
	}
}

// A fetch that is under way when one configuration replaces another one goes on for the new one.
func TestAFetchOutlivesAReload(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	set := jwks(t, map[string]token.Key{"a": rsaKey})
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		_, _ = w.Write([]byte(set))
	})
	open := func() (*token.Issuer, func()) {
		c := usual
		c.URL = address
		r, release, err := token.Open(call.Rules{Allow: []string{"127.0.0.1"}}, c)
		if err != nil {
			t.Fatal(err)
		}
		return issuer(t, token.Config{Algorithms: []string{"RS256"}, Keys: r}), release
	}
	text := made(t, rs256, map[string]any{})
	old, release := open()
	var group sync.WaitGroup
	group.Go(func() { says(t, "before the reload", old, text, background(), "good") })
	<-asked
	renewed, release2 := open()
	defer release2()
	release()
	group.Go(func() { says(t, "after the reload", renewed, text, background(), "good") })
	close(answer)
	group.Wait()
	if len(asked) != 0 {
		t.Errorf("it was fetched %d times more", len(asked))
	}
}

package main

import (
	"fmt"
	"net/http"
	"testing"
)

func TestTheExampleOfACanaryKeepsVisitorsWhereTheyAre(t *testing.T) {
	c, old := startExample(t, "canary/main.lua", nil)
	const visitors = 300
	stays := 0
	for i := range visitors {
		before := old.Requests.Load()
		answer := c.Get("/")
		cookie, err := http.ParseSetCookie(answer.Header.Get("Set-Cookie"))
		if err != nil || cookie.Name != "bucket" || cookie.Path != "/" || !cookie.HttpOnly || cookie.MaxAge != 30*86400 {
			t.Fatalf("the cookie is %+v, %v", cookie, err)
		}
		first := old.Requests.Load() != before
		if first {
			stays++
		}
		if i%10 != 0 {
			continue
		}
		for range 10 { // whoever comes back gets the same
			again := c.Get("/again", "Cookie: bucket="+cookie.Value)
			again.From(map[bool]string{true: "app", false: "second"}[first])
			if again.Header.Get("Set-Cookie") != "" {
				t.Fatal("a visitor who is known got another cookie")
			}
		}
	}
	// One in ten of 300 is 30 with a deviation of 5; six of those are a chance of one in a billion.
	if got := visitors - stays; got < 1 || got > 62 {
		t.Errorf("%d of %d got the new version", got, visitors)
	}

	for bucket, want := range map[string]string{"1": "second", "10": "second", "11": "app", "100": "app"} {
		c.Get("/", "Cookie: bucket="+bucket).From(want)
	}
	for _, bucket := range []string{"0", "101", "-1", "1e1", "7.5", "0x1", "new", "", "000001"} {
		if answer := c.Get("/", "Cookie: bucket="+bucket); answer.Status != 200 || answer.Header.Get("Set-Cookie") == "" {
			t.Errorf("the bucket %q was taken; status %d", bucket, answer.Status)
		}
	}
}

func TestTheExampleOfACanaryLetsTestersChoose(t *testing.T) {
	c, _ := startExample(t, "canary/main.lua", nil)
	for _, path := range []string{"/", "/cart", "/checkout"} {
		for version, want := range map[string]string{"old": "app", "new": "second"} {
			for _, more := range []string{"Cookie: bucket=1", "Cookie: bucket=100", "X-User: ann", "X-User: bob"} {
				answer := c.Get(path, "X-Version: "+version, more)
				answer.From(want)
				if answer.Header.Get("Set-Cookie") != "" {
					t.Errorf("%s: a tester got a cookie", path)
				}
			}
		}
	}
	c.Get("/", "X-Version: other", "Cookie: bucket=1").From("second")
}

func TestTheExampleOfAnABTestGivesAUserAlwaysTheSame(t *testing.T) {
	c, old := startExample(t, "canary/main.lua", nil)
	const users = 400
	got := map[string]bool{}
	for range 2 {
		for i := range users {
			user := fmt.Sprintf("user-%d@example.com", i)
			before := old.Requests.Load()
			answer := c.Get("/checkout", "X-User: "+user)
			if answer.Status != 200 || answer.Header.Get("Set-Cookie") != "" {
				t.Fatalf("%s got %d with the cookie %q", user, answer.Status, answer.Header.Get("Set-Cookie"))
			}
			first := old.Requests.Load() != before
			if was, known := got[user]; known && was != first {
				t.Fatalf("%s got another version", user)
			}
			got[user] = first
		}
	}
	stay := 0
	for _, first := range got {
		if first {
			stay++
		}
	}
	// The hash decides, so this is the same number in every run; half of 400 has a deviation of 10.
	if stay < 160 || stay > 240 {
		t.Errorf("%d of %d users keep the old version; want about half", stay, users)
	}
	if answer := c.Get("/checkout"); answer.Header.Get("Set-Cookie") == "" {
		t.Error("whoever is no user is no visitor either")
	}
}

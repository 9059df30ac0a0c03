package limit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
)

func TestOptionsThatNobodyCanMeanAreRefusedWithWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]limit.Options{
		"the name is missing": {Rate: 1},
		`the name "a b": expected at most 64 letters, digits, ., _ and -`: {Name: "a b", Rate: 1},
		"rate is 0; expected a whole number above 0, and per for":         {Name: "a"},
		"rate is -1;": {Name: "a", Rate: -1},
		"per is 500ms; expected whole seconds, from 1 to 31622400": {Name: "a", Rate: 1, Per: caddy.Duration(500 * time.Millisecond)},
		"per is 10000h0m0s;": {Name: "a", Rate: 1, Per: caddy.Duration(10000 * time.Hour)},
		"burst is 0; expected a whole number above 0: a budget of none lets nobody in": {Name: "a", Rate: 1, Burst: burst(0)},
		"cost is 6; expected at most the burst, 5: more is never left":                 {Name: "a", Rate: 1, Burst: burst(5), Cost: 6},
		"cost is -1;": {Name: "a", Rate: 1, Cost: -1},
		"2000000 in 1s are more than one in a microsecond":      {Name: "a", Rate: 2_000_000},
		"takes more than ten years":                             {Name: "a", Rate: 1, Per: caddy.Duration(24 * time.Hour), Burst: burst(4000)},
		"max_keys is -1; expected 1 to 100000000":               {Name: "a", Rate: 1, MaxKeys: -1},
		`missing is "skp"; expected skip; did you mean "skip"?`: {Name: "a", Rate: 1, Missing: "skp"},
		`store is "redis"; expected local, kv`:                  {Name: "a", Rate: 1, Store: "redis"},
		`on_error is "opn"; expected local, open, closed`:       {Name: "a", Rate: 1, OnError: "opn"},
		`headers is "X"; expected draft, x, both, off`:          {Name: "a", Rate: 1, Headers: "X"},
		"status is 200; expected 400 to 599":                    {Name: "a", Rate: 1, Status: 200},
		"ipv6 is 129; expected 1 to 128 bits":                   {Name: "a", Rate: 1, IPv6: 129},
		`did you mean "client_ip"?`:                             {Name: "a", Rate: 1, Key: []string{"client-ip"}},
	} {
		if _, err := limit.NewRate(o, bookOf(t), "", origin.Origin{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %s", o, err, want)
		}
	}
	for want, o := range map[string]limit.ConcurrencyOptions{
		"the name is missing":                {Max: 1},
		"max is 0; expected 1 to 1000000":    {Name: "a"},
		"wait and queue belong together":     {Name: "a", Max: 1, Queue: 5},
		"wait and queue belong together:":    {Name: "a", Max: 1, Wait: 1},
		"wait is 2h0m0s; expected at most":   {Name: "a", Max: 1, Wait: caddy.Duration(2 * time.Hour), Queue: 1},
		"queue is -1;":                       {Name: "a", Max: 1, Queue: -1},
		`missing is "no"; expected skip`:     {Name: "a", Max: 1, Missing: "no"},
		"status is 600; expected 400 to 599": {Name: "a", Max: 1, Status: 600},
		"expected all, client_ip":            {Name: "a", Max: 1, Key: []string{"ip"}},
	} {
		if _, err := limit.NewConcurrency(o, bookOf(t), "", origin.Origin{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %s", o, err, want)
		}
	}
}

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate  int
		per   time.Duration
		burst int
	}{{100, 0, 100}, {100, time.Second, 100}, {100, time.Minute, 10}, {5, time.Minute, 1}, {1, 24 * time.Hour, 1}} {
		l, err := limit.NewRate(limit.Options{Name: "a", Rate: c.rate, Per: caddy.Duration(c.per)}, bookOf(t), "", origin.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		o := l.Options()
		got := fmt.Sprint(*o.Burst, o.Key, o.IPv6, o.Cost, o.MaxKeys, o.Store, o.OnError, o.Status, o.Headers)
		if want := fmt.Sprint(c.burst, []string{"all"}, 64, 1, 100000, "local", "local", 429, "draft"); got != want {
			t.Errorf("%d in %s: %s; want %s", c.rate, c.per, got, want)
		}
	}
}

func TestTheNamesOfATenantsLimitsDiffer(t *testing.T) {
	t.Parallel()
	book := bookOf(t)
	rate(t, book, 1, nil)
	_, err := limit.NewConcurrency(limit.ConcurrencyOptions{Name: "api", Max: 1}, book, "", origin.Origin{Script: "main.lua", Line: 20})
	if err == nil || err.Error() != `the name "api" is taken, first at main.lua:7; expected another one for each limit and concurrency of a tenant` {
		t.Error(err)
	}
	if _, err := limit.NewConcurrency(limit.ConcurrencyOptions{Name: "api", Max: 1}, book, "acme", origin.Origin{}); err != nil {
		t.Errorf("of another tenant: %v", err)
	}
}

func TestTwoTablesOfAnInstanceShareWhatTheyCount(t *testing.T) {
	t.Parallel()
	first, second, tried, other := limit.NewBook(t.Name()), limit.NewBook(t.Name()), limit.NewPrivateBook(t.Name()), limit.NewBook(t.Name()+"2")
	takes := func(book *limit.Book) bool {
		l, err := limit.NewRate(limit.Options{Name: "api", Rate: 1, Per: caddy.Duration(time.Hour), Burst: burst(3)}, book, "", origin.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		taken, err := l.Take(t.Context(), "k", 2)
		if err != nil {
			t.Fatal(err)
		}
		return taken.OK
	}
	if !takes(first) || takes(second) {
		t.Error("the second table does not see what the first has counted")
	}
	if !takes(tried) || !takes(other) {
		t.Error("a table that is only tried, or one of another instance, sees it")
	}
	first.Close()
	if c := second.Counts()[0].Outcomes; c["allowed"] != 1 || c["refused"] != 1 {
		t.Errorf("after the first has ended: %v", c)
	}
	second.Close()
	second.Close()
	if n := limit.States(t.Name()); n != 0 {
		t.Errorf("%d states are left", n)
	}
	tried.Close()
	other.Close()
}

package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func concurrency(t testing.TB, book *limit.Book, o limit.ConcurrencyOptions) *limit.Concurrency {
	t.Helper()
	if o.Name == "" {
		o.Name = "slow"
	}
	c, err := limit.NewConcurrency(o, book, "", origin.Origin{Script: "main.lua", Line: 9})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// held is an action that is inside until it is told to go.
type held struct {
	in, out chan struct{}
}

func newHeld() held { return held{make(chan struct{}), make(chan struct{})} }

func (h held) action() chiproxy.Action {
	return policytest.Action(func(ex *chiproxy.Exchange) error {
		h.in <- struct{}{}
		<-h.out
		ex.W.WriteHeader(204)
		return nil
	})
}

func TestNoMoreThanTheMostAreInsideForEachKey(t *testing.T) {
	t.Parallel()
	h := newHeld()
	c := concurrency(t, bookOf(t), limit.ConcurrencyOptions{Max: 2, Key: []string{"client_ip"}})
	table := policytest.Table(t, h.action(), c)
	var all sync.WaitGroup
	for _, client := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		all.Go(func() { policytest.ServeFrom(table, get(), client) })
		<-h.in
	}
	w := policytest.Serve(table, get())
	if got := fmt.Sprint(w.Code, field(w, "Retry-After"), field(w, "Cache-Control")); got != "5031no-store" {
		t.Error(got)
	}
	if s := policytest.Explain(table, get()); s[0].Note != "slow: 2 of 2 inside" || s[0].Verdict != "failed" {
		t.Errorf("%+v", s)
	}
	close(h.out)
	all.Wait()
	all.Go(func() { <-h.in })
	if w := policytest.Serve(table, get()); w.Code != 204 {
		t.Errorf("after those have left: %d", w.Code)
	}
	all.Wait()
}

// TestAPlaceIsGivenBackHoweverARequestEnds would leave none after the first time.
func TestAPlaceIsGivenBackHoweverARequestEnds(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]chiproxy.Action{
		"answered":    policytest.Answer(200),
		"an error":    chiproxy.Error{Status: 500},
		"a failure":   policytest.Action(func(*chiproxy.Exchange) error { return errors.New("x") }),
		"declined":    chiproxy.Decline{},
		"next":        chiproxy.Next{},
		"aborted":     policytest.Action(func(*chiproxy.Exchange) error { panic(http.ErrAbortHandler) }),
		"a panic":     policytest.Action(func(*chiproxy.Exchange) error { panic("x") }),
		"after bytes": policytest.Action(func(ex *chiproxy.Exchange) error { _, _ = ex.W.Write([]byte("x")); panic(http.ErrAbortHandler) }),
	} {
		c := concurrency(t, bookOf(t), limit.ConcurrencyOptions{Name: strings.ReplaceAll(name, " ", "_"), Max: 1})
		table := policytest.Table(t, action, c)
		entering := policytest.Table(t, action, entering{c})
		for range 3 {
			for _, table := range []interface {
				Serve(http.ResponseWriter, *http.Request, caddyhttp.Handler) error
			}{table, entering} {
				func() {
					defer func() { _ = recover() }()
					_ = table.Serve(httptest.NewRecorder(), policytest.From(get(), policytest.Client), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
				}()
				if _, busy := c.Idle(); busy != 0 {
					t.Fatalf("%s: %d are inside", name, busy)
				}
			}
		}
	}
}

// entering is middleware that enters by itself, as scripts do.
type entering struct{ *limit.Concurrency }

func (e entering) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if !e.Enter(ex, "k") || e.Enter(ex, "k") {
		return chiproxy.Done, errors.New("there is one place")
	}
	return next()
}

func TestThoseInLineComeInInTheirOrder(t *testing.T) {
	t.Parallel()
	h := newHeld()
	c := concurrency(t, bookOf(t), limit.ConcurrencyOptions{Max: 1, Wait: caddy.Duration(time.Minute), Queue: 3})
	var mu sync.Mutex
	var order []string
	table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		h.in <- struct{}{}
		<-h.out
		mu.Lock()
		defer mu.Unlock()
		order = append(order, ex.R.Header.Get("N"))
		return nil
	}), c)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { policytest.Serve(table, policytest.Request("GET", "/items/1", "N", fmt.Sprint(i))) })
		if i == 0 {
			<-h.in
		}
		testkit.Until(t, "one more stands in line", func() bool { return c.InLine("") == i })
	}
	if w := policytest.Serve(table, get()); w.Code != 503 {
		t.Errorf("with a full line: %d", w.Code)
	}
	if s := policytest.Explain(table, get()); s[0].Verdict != "failed" {
		t.Errorf("explained with a full line: %+v", s)
	}
	for i := range 4 {
		h.out <- struct{}{}
		if i < 3 {
			<-h.in
		}
	}
	all.Wait()
	if got := strings.Join(order, ""); got != "0123" {
		t.Errorf("they came in as %s", got)
	}
}

func TestWhoWaitsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	book := bookOf(t)
	h := newHeld()
	c := concurrency(t, book, limit.ConcurrencyOptions{Max: 1, Wait: caddy.Duration(time.Millisecond), Queue: 1})
	table := policytest.Table(t, h.action(), c)
	var first sync.WaitGroup
	first.Go(func() { policytest.Serve(table, get()) })
	<-h.in
	if w := policytest.Serve(table, get()); w.Code != 503 {
		t.Errorf("%d", w.Code)
	}
	h.out <- struct{}{}
	first.Wait()
	if c := book.Counts()[0].Outcomes; c["allowed"] != 1 || c["refused"] != 1 {
		t.Errorf("%v", c)
	}
}

func TestAClientThatLeavesTheLineTakesNoPlace(t *testing.T) {
	t.Parallel()
	book := bookOf(t)
	h := newHeld()
	c := concurrency(t, book, limit.ConcurrencyOptions{Max: 1, Wait: caddy.Duration(time.Minute), Queue: 1})
	table := policytest.Table(t, h.action(), c)
	var all sync.WaitGroup
	all.Go(func() { policytest.Serve(table, get()) })
	<-h.in
	ctx, leave := context.WithCancel(t.Context())
	all.Go(func() {
		r := policytest.From(get(), policytest.Client)
		var answer caddyhttp.HandlerError
		if err := table.Serve(httptest.NewRecorder(), r.WithContext(mixed{r.Context(), ctx}), nil); !errors.As(err, &answer) || answer.StatusCode != 499 {
			t.Errorf("%v", err)
		}
	})
	testkit.Until(t, "it stands in line", func() bool { return c.InLine("") == 1 })
	leave()
	testkit.Until(t, "it has left the line", func() bool { return c.InLine("") == 0 })
	h.out <- struct{}{}
	all.Wait()
	if _, busy := c.Idle(); busy != 0 {
		t.Errorf("%d are inside", busy)
	}
	if c := book.Counts()[0].Outcomes; c["allowed"] != 1 || c["refused"] != 0 {
		t.Errorf("%v", c)
	}
}

// mixed has the values of one context and the end of another.
type mixed struct {
	context.Context
	end context.Context
}

func (m mixed) Done() <-chan struct{} { return m.end.Done() }
func (m mixed) Err() error            { return m.end.Err() }

// TestNoPlaceIsLostAmongThoseWhoWaitAndLeave has clients that leave the line, time out and are let in at once.
func TestNoPlaceIsLostAmongThoseWhoWaitAndLeave(t *testing.T) {
	t.Parallel()
	c := concurrency(t, bookOf(t), limit.ConcurrencyOptions{Max: 3, Key: []string{"header:K"}, Wait: caddy.Duration(time.Millisecond), Queue: 20})
	var mu sync.Mutex
	inside, most := map[string]int{}, 0
	table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		k := ex.R.Header.Get("K")
		mu.Lock()
		inside[k]++
		most = max(most, inside[k])
		mu.Unlock()
		<-time.After(50 * time.Microsecond)
		mu.Lock()
		inside[k]--
		mu.Unlock()
		return nil
	}), c)
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			rnd := testkit.Seeded(3, uint64(worker))
			for range 60 {
				r := policytest.From(policytest.Request("GET", "/items/1", "K", fmt.Sprint(rnd.IntN(2))), policytest.Client)
				ctx, leave := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(2000))*time.Microsecond)
				_ = table.Serve(httptest.NewRecorder(), r.WithContext(mixed{r.Context(), ctx}), nil)
				leave()
			}
		})
	}
	all.Wait()
	if _, busy := c.Idle(); busy != 0 || most > 3 || c.InLine("0")+c.InLine("1") != 0 {
		t.Errorf("%d keys are busy, %d were inside at once", busy, most)
	}
}

func TestAReloadThatAllowsMoreOrFewerKeepsThoseInside(t *testing.T) {
	t.Parallel()
	books := []*limit.Book{limit.NewBook(t.Name()), limit.NewBook(t.Name()), limit.NewBook(t.Name())}
	h := newHeld()
	var all sync.WaitGroup
	enter := func(book int, most int) *limit.Concurrency {
		c := concurrency(t, books[book], limit.ConcurrencyOptions{Max: most, Wait: caddy.Duration(time.Minute), Queue: 9})
		table := policytest.Table(t, h.action(), c)
		all.Go(func() { policytest.Serve(table, get()) })
		return c
	}
	enter(0, 1)
	<-h.in
	enter(1, 2)
	<-h.in
	last := enter(2, 1)
	testkit.Until(t, "the third stands in line", func() bool { return last.InLine("") == 1 })
	books[0].Close()
	books[1].Close()
	h.out <- struct{}{} // of two, which is more than one
	testkit.Until(t, "one has left", func() bool { return h.leftOne(last) })
	h.out <- struct{}{}
	<-h.in
	h.out <- struct{}{}
	all.Wait()
	books[2].Close()
	if n := limit.States(t.Name()); n != 0 {
		t.Errorf("%d states are left", n)
	}
}

// TestWhoStoodBehindOneThatGivesUpComesIn has two tables at once, as after a reload: the first in line may only enter alone, and the next one
// also beside another.
func TestWhoStoodBehindOneThatGivesUpComesIn(t *testing.T) {
	t.Parallel()
	book := []*limit.Book{limit.NewBook(t.Name()), limit.NewBook(t.Name())}
	h := newHeld()
	var all sync.WaitGroup
	options := limit.ConcurrencyOptions{Max: 1, Wait: caddy.Duration(time.Minute), Queue: 9}
	few := concurrency(t, book[0], options)
	options.Max = 2
	more := concurrency(t, book[1], options)
	one, other := policytest.Table(t, h.action(), few), policytest.Table(t, h.action(), more)
	all.Go(func() { policytest.Serve(one, get()) })
	<-h.in
	ctx, leave := context.WithCancel(t.Context())
	all.Go(func() { policytest.Serve(one, get().WithContext(ctx)) })
	testkit.Until(t, "one stands in line", func() bool { return few.InLine("") == 1 })
	all.Go(func() { policytest.Serve(other, get()) })
	testkit.Until(t, "two stand in line", func() bool { return few.InLine("") == 2 })
	leave()
	<-h.in
	h.out <- struct{}{}
	h.out <- struct{}{}
	all.Wait()
	book[0].Close()
	book[1].Close()
}

func (h held) leftOne(c *limit.Concurrency) bool { return c.InLine("") == 1 }

func TestKeysThatNobodyIsInsideForAreForgotten(t *testing.T) {
	t.Parallel()
	c := concurrency(t, bookOf(t), limit.ConcurrencyOptions{Max: 1, Key: []string{"header:K"}})
	table := policytest.Table(t, policytest.Answer(200), c)
	for i := range 5000 {
		policytest.Serve(table, policytest.Request("GET", "/items/1", "K", fmt.Sprint(i)))
	}
	if kept, busy := c.Idle(); kept > 300 || busy != 0 {
		t.Errorf("%d keys are kept, %d of them busy", kept, busy)
	}
}

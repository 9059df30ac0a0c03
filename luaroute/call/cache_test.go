package call_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
)

func space() *kv.Space { return &kv.Space{Store: memory.New(), Scope: kv.Scope{Instance: "main"}} }

// answers returns a function that gives one answer after the other, the last again and again, and counts.
func answers(all ...any) (ask func(context.Context) (*call.Response, error), asked *atomic.Int64) {
	asked = new(atomic.Int64)
	return func(context.Context) (*call.Response, error) {
		switch v := all[min(int(asked.Add(1)), len(all))-1].(type) {
		case *call.Response:
			return v, nil
		default:
			return nil, v.(error)
		}
	}, asked
}

func TestAnAnswerIsKeptAsLongAsItMayBe(t *testing.T) {
	t.Parallel()
	minute := call.Caching{TTL: time.Minute, Negative: time.Minute, NegativeStatus: []int{403}, Respect: true, Vary: []string{"Authorization"}}
	all := minute
	all.Respect = false
	positive := minute
	positive.Negative = 0
	for name, row := range map[string]struct {
		how    call.Caching
		status int
		header http.Header
		kept   bool
	}{
		"200":                        {minute, 200, nil, true},
		"203":                        {minute, 203, nil, true},
		"204":                        {minute, 204, nil, true},
		"206":                        {minute, 206, nil, false},
		"301":                        {minute, 301, nil, false},
		"404":                        {minute, 404, nil, true},
		"410":                        {minute, 410, nil, true},
		"404, not negative":          {positive, 404, nil, false},
		"401, not named":             {minute, 401, nil, false},
		"403, named":                 {minute, 403, nil, true},
		"500":                        {minute, 500, nil, false},
		"no-store":                   {minute, 200, http.Header{"Cache-Control": {"public, No-Store"}}, false},
		"no-cache":                   {minute, 200, http.Header{"Cache-Control": {"public", "no-cache"}}, false},
		"private":                    {minute, 200, http.Header{"Cache-Control": {"private=x"}}, false},
		"max-age":                    {minute, 200, http.Header{"Cache-Control": {"max-age=10"}}, true},
		"max-age of 0":               {minute, 200, http.Header{"Cache-Control": {"max-age=0"}}, false},
		"max-age that is no number":  {minute, 200, http.Header{"Cache-Control": {"max-age=x"}}, false},
		"an age beyond it":           {minute, 200, http.Header{"Cache-Control": {"max-age=10"}, "Age": {"11"}}, false},
		"s-maxage before max-age":    {minute, 200, http.Header{"Cache-Control": {"s-maxage=10, max-age=0"}}, true},
		"s-maxage behind max-age":    {minute, 200, http.Header{"Cache-Control": {"max-age=10, s-maxage=0"}}, false},
		"a cookie":                   {minute, 200, http.Header{"Set-Cookie": {"a=b"}}, false},
		"Vary *":                     {minute, 200, http.Header{"Vary": {"*"}}, false},
		"Vary on what is in the key": {minute, 200, http.Header{"Vary": {"accept-encoding, authorization"}}, true},
		"Vary on something else":     {minute, 200, http.Header{"Vary": {"Authorization, Accept-Language"}}, false},
		"nothing respected":          {all, 200, http.Header{"Set-Cookie": {"a=b"}, "Cache-Control": {"no-store"}, "Vary": {"*"}}, true},
	} {
		var c call.Cache
		s := space()
		ask, asked := answers(&call.Response{Status: row.status, Header: row.header, Body: "body\nof two", URL: "http://a/"})
		for range 2 {
			res, err := c.Do(t.Context(), s, "k", &row.how, &call.Request{}, ask)
			if err != nil || res.Status != row.status || res.Body != "body\nof two" || res.URL != "http://a/" || fmt.Sprint(res.Header) != fmt.Sprint(row.header) {
				t.Errorf("%s: %+v, %v", name, res, err)
			}
		}
		if kept := asked.Load() == 1; kept != row.kept {
			t.Errorf("%s: kept: %v", name, kept)
		}
	}
}

func TestAnOldAnswerIsGivenWhenThereIsNoNewOne(t *testing.T) {
	t.Parallel()
	how := call.Caching{TTL: time.Nanosecond, Stale: time.Minute}
	good, bad := &call.Response{Status: 200, Body: "good"}, &call.Response{Status: 503}
	down := &call.Error{Kind: call.Refused}
	for name, second := range map[string]any{"an error": down, "503": bad} {
		var c call.Cache
		s := space()
		ask, _ := answers(good, second)
		if _, err := c.Do(t.Context(), s, "k", &how, &call.Request{}, ask); err != nil {
			t.Fatal(err)
		}
		if res, err := c.Do(t.Context(), s, "k", &how, &call.Request{}, ask); err != nil || res.Body != "good" {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	var c call.Cache
	ask, _ := answers(down)
	if _, err := c.Do(t.Context(), space(), "k", &how, &call.Request{}, ask); !errors.Is(err, down) {
		t.Errorf("without an old one: %v", err)
	}
}

func TestOfManyThatWantTheSameOneAsks(t *testing.T) {
	t.Parallel()
	var c call.Cache
	s := space()
	var asked atomic.Int64
	release := make(chan struct{})
	ask := func(context.Context) (*call.Response, error) {
		asked.Add(1)
		<-release
		return &call.Response{Status: 200}, nil
	}
	var begun, all sync.WaitGroup
	begun.Add(100)
	for range 100 {
		all.Go(func() {
			begun.Done()
			if res, err := c.Do(t.Context(), s, "k", &call.Caching{TTL: time.Minute}, &call.Request{}, ask); err != nil || res.Status != 200 {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
	begun.Wait()
	close(release)
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("%d of 100 have asked", n)
	}
}

func TestAKeyHasAllThatTellsRequestsApart(t *testing.T) {
	t.Parallel()
	requests := []*call.Request{
		{URL: "http://a/"},
		{URL: "http://a/x"},
		{URL: "http://a/", Method: "HEAD"},
		{URL: "http://a/", Body: "b"},
		{URL: "http://a/", Header: http.Header{"Authorization": {"a"}}},
		{URL: "http://a/", Header: http.Header{"Authorization": {"b"}}},
		{URL: "http://a/", Header: http.Header{"Cookie": {"a"}}},
		{URL: "http://a/", Header: http.Header{"Host": {"a"}}},
		{URL: "http://a/", Header: http.Header{"Authorization": {"a", "b"}}},
		{URL: "http://a/", Header: http.Header{"Authorization": {"a"}, "Cookie": {"b"}}},
		{URL: "http://a/", Header: http.Header{"Accept-Language": {"de"}}},
		{URL: "http://a/", Redirects: 1},
		{URL: "http://a/", Redirects: 5},
		{URL: "http://a/", Header: http.Header{"X-Key": {"a"}}, Sensitive: []string{"x-key"}},
		{URL: "http://a/", Header: http.Header{"X-Key": {"b"}}, Sensitive: []string{"x-key"}},
	}
	keys := map[string]int{}
	for i, r := range requests {
		key := call.Key(r, append([]string{"Accept-Language"}, call.Identity...))
		if j, ok := keys[key]; ok {
			t.Errorf("%+v and %+v are one", requests[j], r)
		}
		keys[key] = i
	}
	if call.Key(requests[0], nil) != call.Key(requests[4], nil) {
		t.Error("a field that is not asked for is in the key")
	}
}

package pool

import (
	"fmt"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestAFunctionNamesAtMostTenThousandAddressesInAnHour(t *testing.T) {
	t.Parallel()
	var book addressBook
	start := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	named := func(n int) []Address { return []Address{{Dial: fmt.Sprintf("10.0.%d.%d:80", n/256, n%256)}} }
	for n := range maxAddresses {
		if err := book.add(named(n), start.Add(time.Duration(n)*time.Millisecond)); err != nil {
			t.Fatal(n, err)
		}
	}
	const full = "there were 10000 different addresses within an hour; expected at most as many"
	for _, step := range []struct {
		what  string
		n     int
		after time.Duration
		err   string
	}{
		{"one more", maxAddresses, time.Minute, full},
		{"one that is known", 5, time.Minute, ""},
		{"one more, at the end of the hour", maxAddresses, time.Hour, full},
		{"one more, after the first one is forgotten", maxAddresses, time.Hour + time.Millisecond, ""},
		{"another one, as all others are remembered", maxAddresses + 1, time.Hour + time.Millisecond, full},
		{"the one that was used since", 5, time.Hour + 20*time.Millisecond, ""},
		{"those that nobody has used for an hour make room", maxAddresses + 2, 2 * time.Hour, ""},
	} {
		if err := testkit.ErrText(book.add(named(step.n), start.Add(step.after))); err != step.err {
			t.Errorf("%s: %q; want %q", step.what, err, step.err)
		}
	}
	if n := len(book.seen); n > 5 {
		t.Errorf("%d addresses are remembered after two hours", n)
	}
}

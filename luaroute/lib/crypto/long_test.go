package crypto_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func TestAnHMACIsThatOfGoForKeysAndTextsOfAnyLength(t *testing.T) {
	t.Parallel()
	algorithms := map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	}
	for name, algorithm := range algorithms {
		for _, key := range []int{0, 1, 63, 64, 65, 127, 128, 129, 65536, 65537, 200000} {
			for _, text := range []int{0, 65536, 70001} {
				h := hmac.New(algorithm, []byte(strings.Repeat("k", key)))
				h.Write([]byte(strings.Repeat("t", text)))
				want := hex.EncodeToString(h.Sum(nil))
				got, err := world.Eval(t, fmt.Sprintf(`crypto.hmac(%q, ("k"):rep(%d), ("t"):rep(%d))`, name, key, text))
				if err != nil || got != want {
					t.Errorf("%s with %d and %d bytes is %s, %v; want %s", name, key, text, got, err, want)
				}
			}
		}
	}
}

func TestLongTextsAreComparedToTheirLastByte(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 65535, 65536, 65537, 131072, 200000} {
		got, err := world.Eval(t, fmt.Sprintf(`(function()
			local a = ("x"):rep(%d)
			return crypto.equal(a, ("x"):rep(%d)), crypto.equal(a, a:sub(1, -2) .. "y"), crypto.equal(a, "y" .. a:sub(2)), crypto.equal(a, a .. "x")
		end)()`, size, size))
		if want := "true false false false"; err != nil || got != want {
			t.Errorf("of %d bytes: got %s, %v; want %s", size, got, err, want)
		}
	}
}

// A call that works on a long text must neither copy it at once nor finish it when its time is over: both would be felt by others.
func TestALongTextIsWorkedOnInPieces(t *testing.T) {
	const size = 16 << 20
	for _, call := range []string{
		`crypto.hash("md5", long)`, `crypto.hmac("sha1", "k", long)`, `crypto.hmac("sha512", long, "t")`, `crypto.equal(long, other)`,
	} {
		s, ref := world.State(t, fmt.Sprintf(`local long, other = ("x"):rep(%d), ("x"):rep(%d)
			keep(function() %s end)`, size, size, call))
		s.Arm(vm.Limits{CPU: time.Minute}, t.Context())
		var before, after runtime.MemStats
		fn := s.Func(ref)
		runtime.ReadMemStats(&before)
		if err := s.Call(fn, 0); err != nil {
			t.Errorf("%s: %v", call, err)
		}
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > size/8 {
			t.Errorf("%s made %d bytes for a text of %d", call, made, size)
		}
		s.Arm(vm.Limits{CPU: time.Millisecond}, t.Context())
		if err := s.Call(fn, 0); !errors.Is(err, vm.ErrBudget) {
			t.Errorf("%s in a millisecond: got %v; want the end of the budget", call, err)
		}
	}
}

package request_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/luaroute/caddy-luaroute/luaroute/request"
)

func TestABodyIsReadWhole(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]func(size int) int64{
		"as long as it says":                 func(size int) int64 { return int64(size) },
		"of unknown length":                  func(int) int64 { return -1 },
		"longer than it says":                func(size int) int64 { return int64(size)/3 + 1 }, // as one that a handler unpacks
		"longer than it says, as it is none": func(int) int64 { return 1 },
	} {
		for _, size := range []int{1, 2, 4095, 4096, 4097, 8191, 8192, 8193, 100_000} {
			for way, slow := range map[string]func(io.Reader) io.Reader{
				"at once": func(r io.Reader) io.Reader { return r }, "in pieces": iotest.HalfReader, "with its end": iotest.DataErrReader,
			} {
				want := bytes.Repeat([]byte("x"), size)
				r := httptest.NewRequest(http.MethodPost, "/", slow(bytes.NewReader(want)))
				r.ContentLength = length(size)
				got, err := request.ReadBody(r, 100_000)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %s, %s: got %d, %v", size, name, way, len(got), err)
				}
				if size < 2 || length(size) > int64(size)-1 {
					continue
				}
				r.Body = io.NopCloser(slow(bytes.NewReader(want)))
				if _, err := request.ReadBody(r, int64(size)-1); err == nil || !strings.Contains(fmt.Sprint(err), "413") {
					t.Errorf("%d bytes, %s, %s: with a limit of one less: %v", size, name, way, err)
				}
			}
		}
	}
}

// Not parallel, since it counts all that is allocated.
func TestABodyOfKnownLengthIsCopiedOnceAtMost(t *testing.T) {
	const size = 8 << 20
	body := bytes.Repeat([]byte("x"), size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := httptest.NewRequest(http.MethodPost, "/", iotest.HalfReader(bytes.NewReader(body)))
	r.ContentLength = size
	if _, err := request.ReadBody(r, size); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 2*size+1<<20 {
		t.Errorf("a body of %d MiB took %d MiB", size>>20, made>>20)
	}
}

func TestABodyTakesNoMemoryBeforeItComes(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.ContentLength = 8 << 20
	if _, err := request.ReadBody(r, 8<<20); err == nil {
		t.Error("there was no error")
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
		t.Errorf("a byte took %d KiB", made>>10)
	}
}

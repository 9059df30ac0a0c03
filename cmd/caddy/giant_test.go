package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// giant is the size of a body, in bytes. The race detector takes ten times as long for it.
var giant = map[bool]int{false: 1 << 30, true: 256 << 20}[testkit.Race]

const (
	// piece is what the giant is made of.
	piece = 64 << 10
	// growth is how much more memory may be in use while a giant passes.
	growth = 64 << 20
)

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// giantReader is a body of many equal pieces, and waits once the first of them is read.
type giantReader struct {
	piece   []byte
	left    int
	proceed <-chan struct{}
}

func newGiant(proceed <-chan struct{}) *giantReader {
	return &giantReader{bytes.Repeat([]byte("giant\r\n\x00"), piece/8), giant, proceed}
}

func (g *giantReader) Read(p []byte) (int, error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	if g.left == giant-piece {
		<-g.proceed
	}
	n := copy(p, g.piece[(giant-g.left)%piece:])
	g.left -= n
	return n, nil
}

// swallow reads a giant, checks it, and looks at the memory now and then. It calls begun after the first piece.
func swallow(r io.Reader, begun func()) error {
	want, got := newGiant(nil).piece, make([]byte, piece)
	before := heap()
	for n := range giant / piece {
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("piece %d is another one, %w", n, err)
		}
		if n == 0 {
			begun()
		}
		if n%(64<<20/piece) == 0 {
			if more := heap() - before; more > growth {
				return fmt.Errorf("after piece %d, %d MiB more are in use", n, more>>20)
			}
		}
	}
	if n, err := r.Read(got); n != 0 || err != io.EOF {
		return fmt.Errorf("there is more: %d bytes, %v", n, err)
	}
	return nil
}

func TestAGigabytePassesThroughFunctionsInFlatMemory(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.Client.Timeout = 2 * time.Minute
	proceed := make(chan struct{}, 1)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			result := "whole"
			if err := swallow(r.Body, func() { proceed <- struct{}{} }); err != nil {
				result = err.Error()
			}
			fmt.Fprint(w, result)
			return
		}
		if r.URL.Query().Has("length") {
			w.Header().Set("Content-Length", strconv.Itoa(giant))
		}
		g := newGiant(proceed)
		_, _ = io.CopyN(w, g, piece)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, g)
	})
	c.File("main.lua", streamRoutes)
	c.Start(e2e.Site(`limits {
		cpu 10s
	}`))

	for _, target := range []string{"/hooked?length", "/deep"} {
		t.Run("down "+target, func(t *testing.T) {
			res, err := c.Open(http.MethodGet, target, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if err := swallow(res.Body, func() { proceed <- struct{}{} }); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("up /deep", func(t *testing.T) {
		c.Send(http.MethodPut, "/deep", newGiant(proceed)).Want(200, "whole")
	})
	if n := c.Logged("script failed"); n != 0 {
		t.Errorf("%d functions failed", n)
	}
}

//go:build !race

// The race detector would find a race of Caddy's, see grpc_test.go: here the transport of the first try may still read the body, and clear the
// trailers at its end, while the request is tried again.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// retryWorld is a Caddy whose first upstream answers 503, and is tried no more: /held has the body in memory by a function, /buffered by Caddy.
func retryWorld(t *testing.T, bad, good http.HandlerFunc) *e2e.Caddy {
	c := e2e.New(t)
	c.Serve("bad", bad)
	c.Serve("good", good)
	c.Route(`
		local route = require("luaroute")
		local function pool(name, buffers)
		  route:pool(name, { "$bad", "$good", retries = 1, request_buffers = buffers,
		    select = function(req, up) return up:least("index") end, retry = function(req, try) return try.status == 503 end })
		end
		pool("plain") pool("buffering", 1048576)
		route:any("/held", function(req) req:body() return "plain" end)
		route:any("/buffered", "buffering")
		route:any("/plain", "plain")
	`)
	return c
}

// refusing answers 503, with a trailer of its own, and reads the body if it should.
func refusing(read bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if read {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("Trailer", "X-Seen")
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Header().Set("X-Seen", "the wrong one")
	}
}

// telling answers with the length of the body, and says in trailers which ones it got.
func telling(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Trailer", "X-Seen")
	fmt.Fprintf(w, "%d bytes", len(body))
	w.Header().Set("X-Seen", "sum "+r.Trailer.Get("X-Sum"))
}

// An upload with `Expect: 100-continue` gets its 100, and the next upstream has it whole, or there is no other try.
func TestAnUploadThatWaitsForAContinueIsTriedAgainWholeOrNotAtAll(t *testing.T) {
	for what, read := range map[string]bool{"the first reads it": true, "the first does not read it": false} {
		t.Run(what, func(t *testing.T) {
			c := retryWorld(t, refusing(read), telling)
			for _, path := range []string{"/held", "/buffered", "/plain"} {
				conn, err := net.Dial("tcp", c.Expand("127.0.0.1:$port"))
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", path)
				in := bufio.NewReader(conn)
				continued := 0
				for {
					res, err := http.ReadResponse(in, &http.Request{Method: http.MethodPost})
					if err != nil {
						t.Fatalf("%s: %v", path, err)
					}
					if res.StatusCode == http.StatusContinue {
						if continued++; continued == 1 {
							_, _ = io.WriteString(conn, strings.Repeat("x", 100000)) // it may be refused by now
						}
						continue
					}
					body, _ := io.ReadAll(res.Body)
					again := res.StatusCode == 200 && string(body) == "100000 bytes"
					if !again && (path != "/plain" || res.StatusCode != http.StatusServiceUnavailable) || again && path == "/plain" && read {
						t.Errorf("%s, where the first reads: %t: %d %q", path, read, res.StatusCode, body)
					}
					if continued == 0 && again { // each upstream asks for the body, too, and Caddy hands that on
						t.Errorf("%s: nobody has asked for the body", path)
					}
					break
				}
				_ = conn.Close()
			}
		})
	}
}

// The trailers of a request go to the upstream that answers, and its trailers to the client.
func TestTrailersAreThoseOfTheTryThatAnswers(t *testing.T) {
	c := retryWorld(t, refusing(true), telling)
	for path, sum := range map[string]string{"/buffered": "sum 4", "/held": "sum "} { // what a function has read is sent with its length, without trailers
		r, err := http.NewRequest(http.MethodPost, c.Expand("http://127.0.0.1:$port")+path, io.MultiReader(strings.NewReader("four")))
		if err != nil {
			t.Fatal(err)
		}
		r.Trailer = http.Header{"X-Sum": {"4"}}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 || string(body) != "4 bytes" || err != nil || res.Trailer.Get("X-Seen") != strings.TrimSpace(sum) || len(res.Trailer["X-Seen"]) != 1 {
			t.Errorf("%s: %d %q %v, trailers %v", path, res.StatusCode, body, err, res.Trailer)
		}
	}
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// sum is the hash of a body, in hexadecimal digits.
func sum(body []byte) string {
	hash := sha256.Sum256(body)
	return hex.EncodeToString(hash[:])
}

// random returns bytes that no compression or text handling leaves the same by accident.
func random(n int) string {
	source := rand.NewChaCha8([32]byte{1})
	body := make([]byte, n)
	_, _ = source.Read(body)
	return string(body)
}

func TestABodyArrivesIntact(t *testing.T) {
	const kib, mib = 1 << 10, 1 << 20
	c := e2e.New(t)
	c.Serve("sink", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		w.Header().Set("X-Sum", sum(body))
		_, _ = w.Write(body) // the response carries it back
	})
	c.Route(`
		local route = require("luaroute")
		route:pool("sink", { "$sink" })
		route:any("/data", "sink")
		route:any("/decided", function(req) return "sink" end)
		route:any("/read", function(req)
		  local first = req:body()
		  assert(#first == #req:body(), "a second read sees the same body")
		  return "sink"
		end)
		route:any("/declined", { when = function(req) return #req:body() < 0 end }, "nowhere")
		route:any("/declined", "sink")
		route:any("/replaced", function(req) req:set_body("new"); return "sink" end)
		route:pool("nowhere", { "127.0.0.1:1" })
	`)

	for name, row := range map[string]struct {
		method, path, body string
		chunked            bool
		arrives            string // if it is not the body
		length             int    // what the origin is told
	}{
		"a POST on a data route":                     {http.MethodPost, "/data", random(mib), false, "", mib},
		"a POST on a data route in chunks":           {http.MethodPost, "/data", random(mib), true, "", -1},
		"a POST that Lua decides about":              {http.MethodPost, "/decided", random(mib), false, "", mib},
		"a POST in chunks that Lua decides about":    {http.MethodPost, "/decided", random(mib), true, "", -1},
		"a POST whose body Lua has read":             {http.MethodPost, "/read", random(mib), false, "", mib},
		"a POST in chunks whose body Lua has read":   {http.MethodPost, "/read", random(mib), true, "", mib},
		"a body that a guard has read and declined":  {http.MethodPost, "/declined", random(mib), false, "", mib},
		"an empty POST whose body Lua has read":      {http.MethodPost, "/read", "", false, "", 0},
		"a PUT of more than is buffered, unread":     {http.MethodPut, "/decided", random(3 * mib), false, "", 3 * mib},
		"a body that Lua has replaced":               {http.MethodPost, "/replaced", random(kib), false, "new", 3},
		"a body in chunks that Lua has replaced":     {http.MethodPost, "/replaced", random(kib), true, "new", 3},
		"a GET with a body, which HTTP does not bar": {http.MethodGet, "/data", random(mib), false, "", mib},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(row.body)
			if row.chunked {
				body = inChunks(row.body)
			}
			arrives := row.body
			if row.arrives != "" {
				arrives = row.arrives
			}
			answer := c.Send(row.method, row.path, body)
			if answer.Status != 200 || answer.Header.Get("X-Sum") != sum([]byte(arrives)) {
				t.Errorf("status %d; the origin saw another body", answer.Status)
			}
			if answer.Body != arrives {
				t.Errorf("the body came back with %d bytes; want %d", len(answer.Body), len(arrives))
			}
			if length := answer.Header.Get("X-Length"); length != strconv.Itoa(row.length) {
				t.Errorf("the origin was told %s bytes; want %d", length, row.length)
			}
		})
	}
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	c := e2e.New(t)
	sink := c.Origin("sink")
	c.File("main.lua", `
		local route = require("luaroute")
		route:pool("sink", { "$sink" })
		route:post("/all", function(req) req:body(); return "sink" end)
		route:post("/some", function(req) req:body(10); return "sink" end)
		route:post("/json", function(req)
		  local value, err = req:json()
		  if not value then return 422, "no JSON" end
		  return 200, value.name
		end)
	`)
	c.Start(e2e.Site(`limits {
		body 1KiB
	}`))

	for name, row := range map[string]struct {
		path, body string
		chunked    bool
		status     int
	}{
		"at the limit":                     {"/all", random(1024), false, 200},
		"at the limit in chunks":           {"/all", random(1024), true, 200},
		"over the limit":                   {"/all", random(1025), false, 413},
		"over the limit in chunks":         {"/all", random(1025), true, 413},
		"over the limit of the call":       {"/some", random(11), false, 413},
		"at the limit of the call":         {"/some", random(10), false, 200},
		"JSON over the limit":              {"/json", random(1025), false, 413},
		"JSON":                             {"/json", `{"name":"Ada"}`, false, 200},
		"malformed JSON is for the script": {"/json", `{"name"`, false, 422},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(row.body)
			if row.chunked {
				body = inChunks(row.body)
			}
			before := sink.Requests.Load()
			answer := c.Send(http.MethodPost, row.path, body)
			if answer.Status != row.status {
				t.Errorf("status %d; want %d", answer.Status, row.status)
			}
			if answer.Status == 413 && (answer.Body != "" || sink.Requests.Load() != before) {
				t.Errorf("a refused body was forwarded, or answered with %q", answer.Body)
			}
		})
	}
}

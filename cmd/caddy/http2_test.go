package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// secure runs a site with TLS, few virtual machines, and a script.
func secure(t *testing.T, script string) *e2e.Caddy {
	t.Helper()
	c := e2e.New(t)
	c.Options = localCerts
	c.File("main.lua", script)
	c.Start("https://localhost {\nencode {\ngzip\nminimum_length 1\n}\nluaroute {\nscript $dir/main.lua\nlimits {\nvms 5\n}\n}\n}")
	trustLocalCA(t, c)
	return c
}

// speaks opens a connection of HTTP/2. What comes back is read until it ends; ended gets the error.
func speaks(t *testing.T, c *e2e.Caddy, seen func(http2.Frame)) (f *framer, ended chan error) {
	t.Helper()
	conn, err := handshaken(c, "localhost", "h2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if f, err = newFramer(conn); err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	go func() {
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				ended <- err
				return
			}
			if seen != nil {
				seen(frame)
			}
		}
	}()
	return f, ended
}

// post sends the header of a request with a body.
func (f *framer) post(stream uint32, path string) error {
	f.block.Reset()
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":path", path}, {":authority", "localhost"}, {"content-length", "2"}} {
		if err := f.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return err
		}
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.block.Bytes(), EndHeaders: true})
}

func TestSlowBodiesOfHTTP2HoldNoVirtualMachineUp(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := secure(t, head+`
		route:post("/first", function(req) return 200, req:body() end)
		route:get("/", function() return 200, "here" end)`)
	c.Get("https://localhost:$tls/").Want(200, "here")
	before := runtime.NumGoroutine()
	const streams = 100
	done := make(chan string, streams)
	f, ended := speaks(t, c, func(frame http2.Frame) {
		if data, ok := frame.(*http2.DataFrame); ok && len(data.Data()) > 0 {
			done <- string(data.Data())
		}
	})
	for n := range streams {
		stream := uint32(2*n + 1)
		if err := f.post(stream, "/first"); err != nil {
			t.Fatal(err)
		}
		if err := f.WriteData(stream, false, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		c.Get("https://localhost:$tls/").Want(200, "here")
	}
	for n := range streams {
		if err := f.WriteData(uint32(2*n+1), true, []byte("2")); err != nil {
			t.Fatal(err)
		}
	}
	for range streams {
		select {
		case body := <-done:
			if body != "12" {
				t.Errorf("the answer is %q", body)
			}
		case err := <-ended:
			t.Fatal(err)
		}
	}
	c.Client.CloseIdleConnections()
	_ = f.WriteGoAway(0, http2.ErrCodeNo, nil)
	e2e.Until(t, "all goroutines have ended", func() bool { c.Client.CloseIdleConnections(); return runtime.NumGoroutine() <= before+10 })
}

// What Go's server does with these is its own; no function is called, and others are served.
func TestFloodsOfHTTP2CallNoFunctionAndEndAlone(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := secure(t, head+`
		local n = 0
		route:get("/flood", function(req) print("flooded") return 200, "x" end)
		route:get("/", function() return 200, "here" end)`)
	c.Get("https://localhost:$tls/").Want(200, "here")
	floods := map[string]func(f *framer) error{
		"CONTINUATION without end": func(f *framer) error {
			f.block.Reset()
			for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/flood"}, {":authority", "localhost"}} {
				_ = f.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
			}
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block.Bytes()}); err != nil {
				return err
			}
			for n := 0; ; n++ {
				f.block.Reset()
				_ = f.encoder.WriteField(hpack.HeaderField{Name: fmt.Sprintf("x-%d", n), Value: strings.Repeat("v", 8000)})
				if err := f.WriteContinuation(1, false, f.block.Bytes()); err != nil {
					return err
				}
			}
		},
		"a header that is too large": func(f *framer) error {
			var fields []string
			for n := range 100 {
				fields = append(fields, fmt.Sprintf("x-%d", n), strings.Repeat("v", 150))
			}
			for stream := uint32(1); ; stream += 2 {
				if err := f.get(stream, "/flood", append(fields, ":path", "/twice")...); err != nil { // pseudo fields twice, and behind others
					return err
				}
			}
		},
		"settings": func(f *framer) error {
			for {
				if err := f.WriteSettings(); err != nil {
					return err
				}
			}
		},
		"empty frames of data": func(f *framer) error {
			if err := f.post(1, "/"); err != nil {
				return err
			}
			for {
				if err := f.WriteData(1, false, nil); err != nil {
					return err
				}
			}
		},
	}
	for name, flood := range floods {
		f, ended := speaks(t, c, nil)
		stopped := make(chan error, 1)
		go func() { stopped <- flood(f) }()
		for range 20 {
			c.Get("https://localhost:$tls/").Want(200, "here")
		}
		select {
		case err := <-ended:
			t.Logf("%s: the server ended it: %v", name, err)
		default:
			t.Logf("%s: the server takes it", name)
		}
	}
	if n := c.Logged("flooded"); n != 0 {
		t.Errorf("the function was called %d times", n)
	}
}

// More streams than the server takes at once are refused by it, and all others are answered.
func TestManyStreamsOfOneConnectionAreAnsweredOrRefused(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := secure(t, head+`
		route:get("/", function() return 200, "here" end)
		route:get("/slow", function() require("time").sleep(0.2) return 200, "x" end)`)
	const streams = 2000
	done := make(chan string, streams)
	f, ended := speaks(t, c, func(frame http2.Frame) {
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			done <- frame.PseudoValue("status")
		case *http2.RSTStreamFrame:
			done <- frame.ErrCode.String()
		}
	})
	go func() {
		for n := range streams {
			if f.get(uint32(2*n+1), "/slow", ":authority", "localhost") != nil {
				return
			}
		}
	}()
	c.Get("https://localhost:$tls/")
	got := map[string]int{}
	for n := 0; n < streams; n++ {
		select {
		case status := <-done:
			got[status]++
		case err := <-ended:
			t.Logf("the server ended the connection after %d answers: %v", n, err)
			n = streams
		}
	}
	t.Logf("answers: %v", got)
	for status := range got {
		if status != "200" && status != "503" && status != "REFUSED_STREAM" {
			t.Errorf("%d times %s", got[status], status)
		}
	}
	e2e.Until(t, "the machines are free", func() bool { return c.Get("https://localhost:$tls/").Status == 200 })
}

// Compression around: pieces arrive when they are flushed, what was not sent before an error is forgotten, and a body that breaks is no whole one.
func TestCompressionAroundAScriptKeepsItsPiecesAndErrors(t *testing.T) {
	c := secure(t, head+`
		local time = require("time")
		route:get("/pieces", function(req, res)
			res.headers["Content-Type"] = "text/plain"
			for i = 1, 3 do res:write("piece " .. i .. "\n") res:flush() if i == 1 then time.sleep(600) end end
		end)
		route:get("/error", function(req, res) res.headers["Content-Type"] = "text/plain" res:write(("x"):rep(2000)) error("no") end)
		route:get("/broken", function(req, res) res.headers["Content-Type"] = "text/plain" res:write(("x"):rep(5000)) res:flush() error("no") end)
		route:with(function(req, res) res:on_body(function(p) return p:upper() end) end)
			:get("/upper", function(req, res) res.headers["Content-Type"] = "text/plain" res:write(("x"):rep(3000)) end)`)
	ask := func(path string) *http.Response {
		t.Helper()
		res, err := c.Open(http.MethodGet, "https://localhost:$tls"+path, nil, "Accept-Encoding: gzip")
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	body := func(path string) (string, error) {
		res := ask(path)
		defer res.Body.Close()
		if res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: it is not compressed: %d %v", path, res.StatusCode, res.Header)
			return "", nil
		}
		unzip, err := gzip.NewReader(res.Body)
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(unzip)
		return string(text), err
	}
	if text, err := body("/upper"); err != nil || text != strings.Repeat("X", 3000) {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if text, err := body("/broken"); err == nil {
		t.Errorf("what breaks is whole: %d bytes", len(text))
	}
	res := ask("/error")
	text, err := io.ReadAll(res.Body)
	if res.StatusCode != 500 || len(text) != 0 || err != nil {
		t.Errorf("after an error: %d, %d bytes, %v", res.StatusCode, len(text), err)
	}
	_ = res.Body.Close()
	res = ask("/pieces")
	defer res.Body.Close()
	unzip, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(unzip).ReadString('\n'); err != nil || line != "piece 1\n" {
		t.Errorf("the first piece is %q, %v", line, err)
	}
}

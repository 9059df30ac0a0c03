package request_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// tap is an upstream that keeps the bytes of what it gets, and answers 200 with the text "up".
type tap struct {
	address string
	got     chan string
}

func newTap(t testing.TB) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &tap{l.Addr().String(), make(chan string, 100)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.answer(c)
		}
	}()
	return p
}

// wireLimit is how long a connection may take: only a fault takes that long, on whatever machine.
const wireLimit = 5 * time.Minute

// answer reads a header and ends the connection, so that what comes behind it is another request only if it says so.
func (p *tap) answer(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wireLimit))
	var head strings.Builder
	for r := bufio.NewReaderSize(c, 1<<16); ; {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			break
		}
	}
	p.got <- head.String()
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: up\r\nConnection: close\r\n\r\nup")
}

// forwarded is the header that has arrived.
func (p *tap) forwarded(t testing.TB) string {
	t.Helper()
	select {
	case head := <-p.got:
		return head
	case <-time.After(wireLimit):
		t.Fatal("nothing was forwarded")
		return ""
	}
}

// tapped is a site whose functions know bad, the decoded query, and refuse, which calls a function and logs its error. It
// forwards to the tap, whose pool is p.
func tapped(t testing.TB, p *tap, body string) *luatest.Site {
	t.Helper()
	return luatest.Setup{}.Serve(t, fmt.Sprintf(`local route, log = require("luaroute"), require("log") route:pool("p", %q)
		local function refuse(fn) local ok, e = pcall(fn) log.info(ok and "taken" or tostring(e)) end
		local function decode(s) return (s:gsub("%%%%(%%x%%x)", function(h) return string.char(tonumber(h, 16)) end)) end
		route:any("/*", function(req, res) local bad = decode(req.raw_query) %s end)`, p.address, body))
}

// hex encodes all bytes of a text.
func hex(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// logged is the only line that a script has logged since.
func logged(t testing.TB, s *luatest.Site) string {
	t.Helper()
	lines := s.Logs.TakeAll()
	if len(lines) != 1 {
		t.Errorf("%d lines were logged, want one: %v", len(lines), lines)
		return ""
	}
	return lines[0].Message
}

// one is the limits of a site with one virtual machine, so that a request finds what the one before has left.
func one() config.Limits { return config.Limits{VMs: 1, Queue: caddy.Duration(30 * time.Second)} }

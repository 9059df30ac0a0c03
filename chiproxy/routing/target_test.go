package routing

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// targetServer serves a table over HTTP/1.1 and HTTP/2, both in plain text. Where the request gets is the status: 401 for
// what is guarded, 200 for a route that takes all else, 204 for the next handler.
func targetServer(t *testing.T) string {
	table := mustBuild(t, chiproxy.Spec{
		Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/t", Root: root(at("/*", say("tenant")))}},
		Default: chiproxy.Tenant{Root: root(
			owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/*", say("all")), at("CONNECT /", say("tunnel")), at("CONNECT /*", say("connected")),
		)},
	})
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := table.Serve(w, prepared(w, r), next); err != nil {
			w.WriteHeader(err.(caddyhttp.HandlerError).StatusCode)
		}
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.DisableGeneralOptionsHandler = true // as over HTTP/3, where nothing but us would see the *
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// answerOverHTTP1 sends a request line as it is.
func answerOverHTTP1(t *testing.T, addr, method, target string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", method, target)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// answerOverHTTP2 sends pseudo header fields as they are. A stream that the server resets has the status 0.
func answerOverHTTP2(t *testing.T, addr string, fields ...hpack.HeaderField) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range fields {
		_ = encoder.WriteField(f)
	}
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("%v: %v", fields, err)
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			var status int
			_, _ = fmt.Sscan(f.PseudoValue("status"), &status)
			return status
		case *http2.RSTStreamFrame:
			return 0
		}
	}
}

func TestATargetThatIsNoPathNorURLNorAuthorityIsRefused(t *testing.T) {
	t.Parallel()
	addr := targetServer(t)
	for line, want := range map[[2]string]int{
		{"GET", "/admin/secret"}: 401, {"GET", "/x"}: 200, {"GET", "/t/x"}: 200, {"OPTIONS", "/x"}: 200,
		{"GET", "x:admin/secret"}: 400, {"GET", "x:"}: 400, {"GET", "x:?q"}: 400, {"GET", "x:/admin/secret"}: 400, {"GET", "x:///admin/secret"}: 400,
		{"GET", "http:admin/secret"}: 400, {"GET", "http:/admin/secret"}: 400, {"GET", "http:///admin/secret"}: 400, {"GET", "mailto:a@b"}: 400,
		{"GET", "a.example:80"}: 400, {"GET", "localhost:admin"}: 400, {"GET", "admin/secret"}: 400, {"GET", "?q"}: 400, {"GET", "x:%61dmin"}: 400,
		{"GET", "//admin/secret"}: 401, {"GET", "//a.example/admin"}: 200, {"GET", "/?q"}: 200, {"GET", "/#admin"}: 200,
		{"GET", "http://a.example"}: 200, {"GET", "http://a.example?q"}: 200, {"GET", "http://a.example/admin/secret"}: 401,
		{"GET", "http://a.example//admin/secret"}: 401, {"GET", "HTTP://a.example:80/x"}: 200,
		{"GET", "http://u:p@a.example/x"}: 400, {"GET", "http://u@a.example/admin/secret"}: 400,
		{"GET", "*"}: 400, {"POST", "*"}: 400, {"CONNECT", "*"}: 200 /* the authority is odd, but one */, {"OPTIONS", "*"}: 204, {"OPTIONS", "*?q"}: 400,
		{"GET", "/*"}: 200, {"OPTIONS", "http://a.example"}: 200,
		{"CONNECT", "a.example:443"}: 200, {"CONNECT", "/x"}: 200, {"CONNECT", "a.example/admin/secret"}: 400,
		{"CONNECT", "a.example:443?q"}: 400, {"CONNECT", "a.example:443?"}: 400, {"CONNECT", "u@a.example:443"}: 400,
		{"CONNECT", "http://a.example/admin/secret"}: 400, {"CONNECT", "x:admin/secret"}: 400, {"CONNECT", "?q"}: 400,
	} {
		if got := answerOverHTTP1(t, addr, line[0], line[1]); got != want {
			t.Errorf("%s %s: got %d, want %d", line[0], line[1], got, want)
		}
	}
}

func TestATargetOfHTTP2IsHeldToTheSame(t *testing.T) {
	t.Parallel()
	addr := targetServer(t)
	for path, want := range map[string]int{
		"/admin/secret": 401, "/x": 200, "//admin/secret": 401, "/?q": 200,
		"x:admin/secret": 400, "x:": 400, "x:?q": 400, "http:admin": 400, "a.example:80": 400, "x:///admin/secret": 400,
		"http://u@a.example/x": 400, "http://a.example/admin/secret": 401, "*": 400, "admin/secret": 0, "?q": 0,
	} {
		got := answerOverHTTP2(t, addr, hpack.HeaderField{Name: ":method", Value: "GET"}, hpack.HeaderField{Name: ":scheme", Value: "http"},
			hpack.HeaderField{Name: ":authority", Value: "a.example"}, hpack.HeaderField{Name: ":path", Value: path})
		if got != want && !(want == 0 && got == 400) {
			t.Errorf(":path %s: got %d, want %d", path, got, want)
		}
	}
	if got := answerOverHTTP2(t, addr, hpack.HeaderField{Name: ":method", Value: "CONNECT"}, hpack.HeaderField{Name: ":authority", Value: "a.example:443"}); got != 200 {
		t.Errorf("CONNECT: got %d", got)
	}
}

func TestATargetIsHeldToTheSameWhateverServerReadIt(t *testing.T) {
	t.Parallel()
	table := mustBuild(t, only(owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/*", say("all"))))
	for path, want := range map[string]string{"x:admin/secret": "400", "*": "400", "/admin/secret": "401", "/x": "all"} {
		h2, h3 := ask("CONNECT /"), ask("CONNECT /") // extended, with a path of its own
		h2.ProtoMajor, h2.Header[":protocol"] = 2, []string{"websocket"}
		h3.ProtoMajor, h3.Proto = 3, "websocket"
		for _, r := range []*http.Request{h2, h3} {
			r.RequestURI = path
			var err error
			if r.URL, err = url.ParseRequestURI(path); err != nil {
				t.Fatal(err)
			}
			if got := send(table, r).String(); got != want {
				t.Errorf("%s %s: got %s, want %s", r.Proto, path, got, want)
			}
		}
	}
}

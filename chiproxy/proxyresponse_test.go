package chiproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// stamped is a proxy that changes the header of its response.
func stamped() Proxy {
	return Proxy{Pool: "a", ResponseHeaders: &field.Ops{Set: http.Header{"x-stamp": {"ours"}}, Remove: []string{"X-Secret"}}}
}

func upstreamScope(t *testing.T, h http.HandlerFunc) *PoolScope {
	return scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", upstreamAt(t, h)))})
}

func TestTheHeaderOfTheResponseIsChangedWhenItLeaves(t *testing.T) {
	t.Parallel()
	url := serve(t, stamped(), upstreamScope(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Stamp", "theirs")
		w.Header().Set("X-Secret", "1")
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "body")
	}))
	var early textproto.MIMEHeader
	req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { early = h; return nil },
	}), "GET", url, nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 201 || fmt.Sprint(resp.Header["X-Stamp"]) != "[ours]" || resp.Header["X-Secret"] != nil || string(body) != "body" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, body)
	}
	if early.Get("X-Stamp") != "theirs" || early.Get("X-Secret") != "1" {
		t.Errorf("the informational response was changed: %v", early)
	}
}

func TestEventsAreFlushedThroughChangedHeaders(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	url := serve(t, stamped(), upstreamScope(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		select { // the next event is sent when the client has read the first
		case <-seen:
			fmt.Fprint(w, "data: 2\n\n")
		case <-r.Context().Done():
		}
	}))
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	br := bufio.NewReader(resp.Body)
	if line, err := br.ReadString('\n'); err != nil || line != "data: 1\n" || resp.Header.Get("X-Stamp") != "ours" {
		t.Fatalf("%q %v %v", line, resp.Header, err)
	}
	close(seen)
	if rest, err := io.ReadAll(br); err != nil || string(rest) != "\ndata: 2\n\n" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestAWebSocketIsUpgradedThroughChangedHeaders(t *testing.T) {
	t.Parallel()
	for name, proxy := range map[string]Proxy{
		"response headers": stamped(),
		"on_error":         {Pool: "a", OnError: &ErrorPolicy{Mode: FailDecline}, ResponseHeaders: stamped().ResponseHeaders},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, proxy, upstreamScope(t, upgradeAndEcho))
			conn, br := dialWebSocket(t, url)
			fmt.Fprint(conn, "ping\n")
			if line, err := br.ReadString('\n'); err != nil || line != "ping\n" {
				t.Errorf("%q %v", line, err)
			}
		})
	}
}

func TestReleaseClosesTheWebSocketsOfAPool(t *testing.T) {
	t.Parallel()
	pool := mustAcquire(t, newTestPools(t), dials("", upstreamAt(t, upgradeAndEcho)))
	conn, br := dialWebSocket(t, serve(t, stamped(), scopeOf(t, byName{"a": pool})))
	fmt.Fprint(conn, "ping\n") // Caddy knows the streams that it copies, which is a moment after the handshake
	if line, err := br.ReadString('\n'); err != nil || line != "ping\n" {
		t.Fatalf("%q %v", line, err)
	}
	pool.Release()
	if rest, err := io.ReadAll(br); err != nil || len(rest) != 4 || rest[0] != 0x88 {
		t.Errorf("expected a close frame and the end, got %x and %v", rest, err)
	}
}

// upgradeAndEcho switches protocols and sends back what it reads.
func upgradeAndEcho(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "websocket")
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_ = rw.Flush()
	_, _ = io.Copy(conn, rw)
}

// dialWebSocket opens a connection whose handshake carries our header.
func dialWebSocket(t *testing.T, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("X-Stamp") != "ours" {
		t.Fatalf("%v %v", resp, err)
	}
	return conn, br
}

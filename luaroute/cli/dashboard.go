package cli

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/dashboard"
)

// showing are the flags of `caddy luaroute dashboard`.
type showing struct {
	address, listen string
	noOpen          bool
	cert, key, ca   string
}

// dashboardCommand is `caddy luaroute dashboard`.
func dashboardCommand() *cobra.Command {
	s := new(showing)
	cmd := &cobra.Command{
		Use:   "dashboard [--address <address>] [--listen <address>] [--no-open] [--cert <file> --key <file>] [--ca <file>]",
		Short: "Shows what a running Caddy does on a page in the browser",
		Long: `Serves the page of luaroute_dashboard on this machine until it is interrupted, and asks the admin API of a running Caddy for what the page shows.
The address that it prints lets one browser in. Requests are shown as they end if the configuration of that Caddy has a luaroute_dashboard with tail.`,
		Args: noArgs,
	}
	set := cmd.Flags()
	set.StringVar(&s.address, "address", "localhost:2019", "Address of the admin API: host:port, unix//path, or https://host:port for remote administration")
	set.StringVar(&s.listen, "listen", "127.0.0.1:0", "Address of the page, on this machine")
	set.BoolVar(&s.noOpen, "no-open", false, "Opens no browser")
	set.StringVar(&s.cert, "cert", "", "Certificate of the client, for remote administration")
	set.StringVar(&s.key, "key", "", "Its key")
	set.StringVar(&s.ca, "ca", "", "Certificates of authorities that may have signed that of the server. Default: those of the system")
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
		defer stop()
		err := s.serve(ctx, cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

// serve serves the page until the context ends.
func (s *showing) serve(ctx context.Context, out io.Writer) error {
	proxy, err := s.proxy()
	if err != nil {
		return wrongUseError{err}
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	if addr := listener.Addr().(*net.TCPAddr); !addr.IP.IsLoopback() {
		return wrongUseError{fmt.Errorf("--listen %s: expected an address of this machine alone, such as 127.0.0.1:0", s.listen)}
	}
	door := &door{host: listener.Addr().String(), token: rand.Text(), api: proxy}
	server := &http.Server{Handler: door, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	url := "http://" + door.host + "/#token=" + door.token
	fmt.Fprintln(out, url)
	if !s.noOpen {
		openBrowser(ctx, url)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// openBrowser opens a browser, if there is one: the address was printed.
func openBrowser(ctx context.Context, url string) {
	command := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open"}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	_ = exec.CommandContext(ctx, command[0], append(command[1:], url)...).Start()
}

// proxy returns what asks the admin API.
func (s *showing) proxy() (http.Handler, error) {
	address := strings.TrimSuffix(s.address, "/")
	transport := &http.Transport{}
	scheme := "http"
	if rest, ok := strings.CutPrefix(address, "https://"); ok {
		scheme, address = "https", rest
		var err error
		if transport.TLSClientConfig, err = s.tls(); err != nil {
			return nil, err
		}
	}
	to, err := caddy.ParseNetworkAddress(strings.TrimPrefix(address, "http://"))
	if err != nil || to.PortRangeSize() > 1 {
		return nil, fmt.Errorf("--address %s: expected host:port, unix//path or https://host:port", s.address)
	}
	host, dial := to.JoinHostPort(0), to.JoinHostPort(0)
	if to.IsUnixNetwork() {
		host = "127.0.0.1" // which Caddy takes for a socket
		dial, _, _ = strings.Cut(to.Host, "|")
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, to.Network, dial)
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // requests as they end
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = scheme, host, host
			r.Out.URL.Path = dashboard.AdminPath + strings.TrimPrefix(r.In.URL.Path, "/")
			r.Out.URL.RawPath = ""
			for name := range r.Out.Header { // the admin API takes no browsers
				if name != "Content-Type" && name != "Accept" {
					delete(r.Out.Header, name)
				}
			}
			if scheme == "http" && !to.IsUnixNetwork() { // Caddy refuses one at a socket, and of who has a certificate
				r.Out.Header.Set("Origin", scheme+"://"+host)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			refuse(w, http.StatusBadGateway, fmt.Sprintf("the admin API at %s does not answer: %s", s.address, err))
		},
	}, nil
}

// tls returns what a connection for remote administration needs.
func (s *showing) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cert != "" || s.key != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return nil, fmt.Errorf("--cert and --key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if s.ca != "" {
		pem, err := os.ReadFile(s.ca)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca %s: there is no certificate in it", s.ca)
		}
	}
	return c, nil
}

// door lets the browser in that has the token.
type door struct {
	host string
	api  http.Handler

	mu      sync.Mutex
	token   string // until it was used
	session string // of the browser that has used it
}

const sessionCookie = "luaroute_dashboard"

// refuse answers an error as the page reads it.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = writeJSON(w, map[string]string{"error": text})
}

// sameOrigin refuses what pages of others send.
var sameOrigin = http.NewCrossOriginProtection()

// ServeHTTP serves the page to all who ask for it by its address, and answers of the admin API to the one who was let in.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch err := sameOrigin.Check(r); {
	case r.Host != d.host:
		refuse(w, http.StatusForbidden, fmt.Sprintf("host %q: expected %s", r.Host, d.host))
	case err != nil:
		refuse(w, http.StatusForbidden, err.Error())
	case r.Method == http.MethodPost && r.URL.Path == "/enter":
		d.enter(w, r)
	case strings.HasPrefix(r.URL.Path, "/api/"):
		if !d.knows(r) {
			refuse(w, http.StatusUnauthorized, "open the address that caddy luaroute dashboard has printed; it lets one browser in, once")
			return
		}
		d.api.ServeHTTP(w, r)
	case !dashboard.ServePage(w, r, r.URL.Path):
		http.NotFound(w, r)
	}
}

// enter exchanges the token for a cookie.
func (d *door) enter(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Token string }
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.token == "" || subtle.ConstantTimeCompare([]byte(asked.Token), []byte(d.token)) != 1 {
		refuse(w, http.StatusForbidden, "this token was used, or is another one")
		return
	}
	d.token, d.session = "", rand.Text()
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: d.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.WriteHeader(http.StatusNoContent)
}

// knows reports whether a request is of the browser that was let in.
func (d *door) knows(r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	cookie, err := r.Cookie(sessionCookie)
	return err == nil && d.session != "" && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(d.session)) == 1
}

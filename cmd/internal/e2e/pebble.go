package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// Pebble is an authority that issues certificates by ACME, as Let's Encrypt does. It proves by the challenge TLS-ALPN that a name
// leads to $tls, which every name does.
type Pebble struct {
	// Orders counts the certificates that were asked for.
	Orders atomic.Int64
	// Roots are the certificates of a client that trusts this authority.
	Roots *x509.CertPool
}

// Pebble builds and starts an authority. Configurations name it by $acme, the URL of its directory, and $acme_root, a file with
// the certificate of the directory itself.
func (c *Caddy) Pebble() *Pebble {
	c.t.Helper()
	program := buildPebble(c.t)
	c.SelfSigned("acme.pem", "acme.key")
	address, management := "127.0.0.1:"+ports.Free(c.t), "127.0.0.1:"+ports.Free(c.t)
	c.File("pebble.json", fmt.Sprintf(`{"pebble": {
		"listenAddress": %q, "managementListenAddress": %q,
		"certificate": "$dir/acme.pem", "privateKey": "$dir/acme.key", "tlsPort": $tls
	}}`, address, management))
	output := runPebble(c.t, program, "-config", c.Expand("$dir/pebble.json"), "-dnsserver", NameServer(c.t))

	p := &Pebble{Roots: x509.NewCertPool()}
	c.Set("acme", p.front(c, address)+"/dir")
	c.Set("acme_root", c.Expand("$dir/acme.pem"))
	var root []byte
	Until(c.t, "Pebble tells its root", func() bool {
		select {
		case <-output.ended:
			c.t.Fatalf("Pebble has ended:\n%s", output.String())
		default:
		}
		root = ask(c.t, "https://"+management+"/roots/0")
		return root != nil
	})
	if !p.Roots.AppendCertsFromPEM(root) {
		c.t.Fatalf("no certificate in %q", root)
	}
	return p
}

// front starts a proxy before Pebble, which counts the orders, and returns its URL.
func (p *Pebble) front(c *Caddy, address string) string {
	c.t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: address})
			r.Out.Host = r.In.Host // Pebble makes its URLs of it
		},
		Transport: insecure,
	}
	pair, err := tls.LoadX509KeyPair(c.Expand("$dir/acme.pem"), c.Expand("$dir/acme.key"))
	if err != nil {
		c.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			p.Orders.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	c.t.Cleanup(server.Close)
	return server.URL
}

// buildPebble builds the program, unless Go's cache has it, and returns its name. What it is built of is in the module cache after
// the first time.
func buildPebble(t testing.TB) string {
	t.Helper()
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("Pebble is built with Go: %s", err)
	}
	module := filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "testdata", "pebble")
	build := exec.Command("go", "tool", "-C", module, "-n", "pebble")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	var complaint strings.Builder
	build.Stderr = &complaint
	program, err := build.Output()
	if err != nil {
		t.Fatalf("Pebble cannot be built, which needs its modules in the module cache, or a network: %s: %s\n%s", build, err, &complaint)
	}
	return strings.TrimSpace(string(program))
}

// output is what a program has printed.
type output struct {
	logBuffer
	ended chan struct{}
}

// runPebble runs the program until the test ends.
func runPebble(t testing.TB, program string, args ...string) *output {
	t.Helper()
	o := &output{ended: make(chan struct{})}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = o, o
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0") // by itself it waits and fails at random
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(o.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-o.ended
		if t.Failed() {
			t.Logf("Pebble has said:\n%s", o.String())
		}
	})
	return o
}

// insecure asks servers of the test, whatever their certificate is.
var insecure = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}

// ask returns the body at a URL, nil if there is none.
func ask(t testing.TB, url string) []byte {
	t.Helper()
	res, err := (&http.Client{Transport: insecure, Timeout: time.Minute}).Get(url)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil
	}
	return body
}

// SelfSigned writes a certificate for 127.0.0.1 and its key into $dir.
func (c *Caddy) SelfSigned(cert, key string) {
	c.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		c.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		c.t.Fatal(err)
	}
	c.File(cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})))
	c.File(key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

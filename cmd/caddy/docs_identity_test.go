package main

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// recipe returns the first script under a heading of a document, with some texts replaced, each of which must be there.
func recipe(t *testing.T, name, heading string, replace ...string) string {
	t.Helper()
	_, below, found := strings.Cut(document(t, name), "\n"+heading+"\n")
	_, below, begun := strings.Cut(below, "\n```lua\n")
	code, _, ended := strings.Cut(below, "\n```\n")
	if !found || !begun || !ended {
		t.Fatalf("%s has no script under %q", name, heading)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(code, replace[i]) {
			t.Fatalf("the script under %q has no %q", heading, replace[i])
		}
		code = strings.ReplaceAll(code, replace[i], replace[i+1])
	}
	return head + code
}

var publicKey = regexp.MustCompile(`(?s)-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n`)

func TestTheRecipeForTokensByJWKS(t *testing.T) {
	c := e2e.New(t)
	ann := newIssuer(t, jose.RS256)
	keys := ann.serve(c, "idp")
	c.Origin("api")
	c.File("main.lua", recipe(t, "identity.md", "## Tokens of an identity provider", "https://idp.example", "http://$idp"))
	c.Start(e2e.Site(asking + "\npool api $api"))
	from := c.Expand("http://$idp/realms/shop")
	reads := map[string]any{"scope": "read write"}
	c.Get("/me", ann.token(from, reads)).Want(200, "ann\n")
	got := c.Get("/x", ann.token(from, reads), "X-User: eve", "X_User: eve").From("api")
	if got.Header.Get("X-User") != "ann" || got.Header["X_user"] != nil {
		t.Errorf("the upstream got %v", got.Header)
	}
	for name, row := range map[string]struct {
		token  string
		status int
	}{
		"no scope":           {ann.token(from, nil), 403},
		"another issuer":     {ann.token(from+"s", reads), 401},
		"another audience":   {ann.token(from, map[string]any{"scope": "read", "aud": "shop"}), 401},
		"expired":            {ann.token(from, map[string]any{"scope": "read", "exp": 1}), 401},
		"the key of another": {newIssuer(t, jose.RS256).token(from, reads), 401},
		"no token":           {"X-User: ann", 401},
	} {
		if got := c.Get("/me", row.token); got.Status != row.status {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if n := keys.Requests.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestTheRecipeForTwoIssuers(t *testing.T) {
	c := e2e.New(t)
	staff, partners := newIssuer(t, jose.ES256), newIssuer(t, jose.RS256)
	staff.serve(c, "staff")
	code := recipe(t, "identity.md", "## Two issuers", "https://staff.example", "http://$staff")
	c.File("main.lua", publicKey.ReplaceAllLiteralString(code, partners.public()))
	c.Start(e2e.Site(asking))
	from := c.Expand("http://$staff")
	c.Get("/", staff.token(from, nil)).Want(200, from+"\n")
	c.Get("/", partners.token("https://partners.example", nil)).Want(200, "https://partners.example\n")
	for name, token := range map[string]string{
		"signed by the other issuer":      partners.token(from, nil),
		"signed by the other one, too":    staff.token("https://partners.example", nil),
		"of an issuer that nobody trusts": staff.token("https://idp.example", nil),
	} {
		if got := c.Get("/", token); got.Status != 401 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
}

func TestTheRecipeForRoles(t *testing.T) {
	c := e2e.New(t)
	idp := newIssuer(t, jose.RS256)
	idp.serve(c, "idp")
	c.File("main.lua", recipe(t, "identity.md", "## Roles to routes", "https://idp.example", "http://$idp"))
	c.Start(e2e.Site(asking))
	with := func(access any) string {
		return idp.token(c.Expand("http://$idp"), map[string]any{"realm_access": access})
	}
	for _, row := range []struct {
		path, token string
		status      int
		body        string
	}{
		{"/admin/x", with(map[string]any{"roles": []string{"reader", "support"}}), 200, "admin\n"},
		{"/admin/x", with(map[string]any{"roles": []string{"reader"}}), 403, ""},
		{"/admin/x", with(map[string]any{"roles": map[string]any{"admin": true}}), 403, ""},
		{"/admin/x", with("admin"), 403, ""},
		{"/admin/x", "X-User: ann", 401, ""},
		{"/x", with(nil), 200, "everybody with a token\n"},
		{"/x", "X-User: ann", 401, ""},
	} {
		c.Get(row.path, row.token).Want(row.status, row.body)
	}
}

// authelia answers as Authelia does at /api/authz/forward-auth: ann may see everything, and bob all but /admin.
func authelia(w http.ResponseWriter, r *http.Request) {
	h := r.Header
	if r.URL.Path != "/api/authz/forward-auth" || h.Get("X-Forwarded-Method") == "" || h.Get("X-Forwarded-Host") == "" || h.Get("X-Forwarded-Proto") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	session, err := r.Cookie("authelia_session")
	asked := h.Get("X-Forwarded-Proto") + "://" + h.Get("X-Forwarded-Host") + h.Get("X-Forwarded-Uri")
	switch {
	case err != nil && strings.Contains(h.Get("Accept"), "text/html"):
		status := http.StatusFound
		if h.Get("X-Forwarded-Method") != "GET" {
			status = http.StatusSeeOther
		}
		http.Redirect(w, r, "https://auth.example/?rd="+url.QueryEscape(asked)+"&rm="+h.Get("X-Forwarded-Method"), status)
	case err != nil:
		w.WriteHeader(http.StatusUnauthorized)
	case session.Value != "ann" && strings.HasPrefix(h.Get("X-Forwarded-Uri"), "/admin"):
		w.WriteHeader(http.StatusForbidden)
	default:
		w.Header().Set("Remote-User", session.Value)
		w.Header().Set("Remote-Groups", "staff,admins")
		w.Header().Set("Remote-Name", "Ann Ng")
		w.Header().Set("Remote-Email", session.Value+"@example.com")
	}
}

func TestTheRecipeForAuthelia(t *testing.T) {
	c := e2e.New(t)
	c.Serve("auth", authelia)
	app := c.Origin("api")
	c.File("main.lua", recipe(t, "identity.md", "## Forward authentication"))
	c.Start(e2e.Site("pool auth $auth\npool api $api"))
	for _, row := range []struct {
		method, accept string
		status         int
		location       string
	}{
		{"GET", "text/html", 302, "https://auth.example/?rd=" + url.QueryEscape("http://shop.example/a?b=c") + "&rm=GET"},
		{"POST", "text/html", 303, "https://auth.example/?rd=" + url.QueryEscape("http://shop.example/a?b=c") + "&rm=POST"},
		{"GET", "application/json", 401, ""},
	} {
		got := c.Send(row.method, "/a?b=c", strings.NewReader(""), "Host: shop.example", "Accept: "+row.accept, "Remote-User: ann")
		if got.Status != row.status || got.Header.Get("Location") != row.location {
			t.Errorf("%+v: got %d %s", row, got.Status, got.Header.Get("Location"))
		}
	}
	c.Get("/admin", "Cookie: authelia_session=bob").Want(403, "")
	if n := app.Requests.Load(); n != 0 {
		t.Errorf("%d requests have passed", n)
	}
	c.Get("/admin", "Cookie: authelia_session=ann").From("api")
	got := c.Get("/a", "Cookie: authelia_session=bob", "Remote-User: ann", "remote_groups: root").From("api").Header
	if all := strings.Join([]string{got.Get("Remote-User"), got.Get("Remote-Groups"), got.Get("Remote-Name"), got.Get("Remote-Email")}, "|"); all != "bob|staff,admins|Ann Ng|bob@example.com" {
		t.Errorf("the upstream got %s", all)
	}
	if got["Remote_groups"] != nil {
		t.Errorf("the upstream got %v", got)
	}
}

func TestTheRecipeForOAuth2Proxy(t *testing.T) {
	c := e2e.New(t)
	proxy := c.Serve("oauth2", func(w http.ResponseWriter, r *http.Request) {
		session, err := r.Cookie("_oauth2_proxy")
		switch {
		case r.URL.Path == "/oauth2/sign_in":
			http.SetCookie(w, &http.Cookie{Name: "_oauth2_proxy", Value: "ann", Path: "/"})
			_, _ = w.Write([]byte("welcome"))
		case r.URL.Path != "/oauth2/auth":
			w.WriteHeader(http.StatusNotFound)
		case err != nil:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Header().Set("X-Auth-Request-User", session.Value)
			w.Header().Set("X-Auth-Request-Email", session.Value+"@example.com")
			w.Header().Set("X-Auth-Request-Groups", "staff")
			w.WriteHeader(http.StatusAccepted)
		}
	})
	c.Origin("api")
	c.File("main.lua", recipe(t, "identity.md", "### oauth2-proxy"))
	c.Start(e2e.Site("pool oauth2 $oauth2\npool api $api"))
	c.Get("/a", "X-User: eve").Want(401, "")
	login := c.Get("/oauth2/sign_in")
	login.Want(200, "welcome")
	cookie, _, _ := strings.Cut(login.Header.Get("Set-Cookie"), ";")
	before := proxy.Requests.Load()
	for range 3 {
		got := c.Get("/a", "Cookie: "+cookie, "X-User: eve").From("api").Header
		if all := got.Get("X-User") + "|" + got.Get("X-Email") + "|" + got.Get("X-Groups"); all != "ann|ann@example.com|staff" {
			t.Errorf("the upstream got %s", all)
		}
	}
	if n := proxy.Requests.Load() - before; n != 1 {
		t.Errorf("the proxy was asked %d times", n)
	}
}

func TestTheRecipeForSignaturesOfWebhooks(t *testing.T) {
	c := e2e.New(t)
	sender := newIssuer(t, jose.RS256)
	c.File("main.lua", publicKey.ReplaceAllLiteralString(recipe(t, "identity.md", "## Signatures of webhooks"), sender.public()))
	c.Start(e2e.Site(""))
	const body = `{"paid":true}`
	mac := hmac.New(sha256.New, []byte("the secret of the sender"))
	_, _ = mac.Write([]byte(body))
	sum := sha256.Sum256([]byte(body))
	signature, err := sender.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	for path, field := range map[string]string{
		"/hooks/secret": "X-Hub-Signature-256: sha256=" + hex.EncodeToString(mac.Sum(nil)),
		"/hooks/key":    "X-Signature: " + base64.StdEncoding.EncodeToString(signature),
	} {
		for _, row := range []struct {
			name, body, field string
			status            int
		}{
			{"right", body, field, 204},
			{"another body", `{"paid":false}`, field, 403},
			{"a body that goes on", body + " ", field, 403},
			{"another signature", body, field[:len(field)-6] + "AAAAAA", 403},
			{"a part of it", body, field[:len(field)-4], 403},
			{"more than it", body, field + "AAAA", 403},
			{"none", body, "X-None: 1", 403},
			{"an empty one", body, field[:strings.Index(field, ":")+2], 403},
		} {
			got := c.Send("POST", path, strings.NewReader(row.body), row.field)
			if got.Status != row.status || row.status == 403 && got.Body != "wrong signature\n" {
				t.Errorf("%s, %s: %d %s", path, row.name, got.Status, got.Body)
			}
		}
	}
}

// clientCertificate returns a certificate of ann's that names her as told, by itself its authority, which is $dir/client.pem.
func clientCertificate(t *testing.T, c *e2e.Caddy, uri, dns string) tls.Certificate {
	t.Helper()
	key := newIssuer(t, jose.ES256).key
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ann"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	if dns != "" {
		template.DNSNames = []string{dns}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c.File("client.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTheRecipeForCertificatesOfClients(t *testing.T) {
	for _, row := range []struct{ uri, dns, want string }{
		{"spiffe://example/ann", "ann.example", "spiffe://example/ann"},
		{"", "ann.example", "ann.example"},
		{"", "", "CN=ann"},
	} {
		t.Run(row.want, func(t *testing.T) {
			c := e2e.New(t)
			pair := clientCertificate(t, c, row.uri, row.dns)
			c.Origin("api")
			c.File("main.lua", recipe(t, "identity.md", "## Certificates of clients to headers"))
			c.Options = localCerts
			c.Start(`https://localhost {
				tls {
					client_auth {
						mode verify_if_given
						trust_pool file $dir/client.pem
					}
				}
				luaroute {
					script $dir/main.lua
					pool api $api
				}
			}`)
			trustLocalCA(t, c)
			c.Get("https://localhost:$tls/", "X-Client-Name: eve").Want(403, "a certificate is needed\n")
			transport := c.Client.Transport.(*http.Transport).Clone()
			t.Cleanup(transport.CloseIdleConnections)
			transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
			c.Client.Transport = transport
			got := c.Get("https://localhost:$tls/", "X-Client-Name: eve", "X_Client_Name: eve").From("api").Header
			if name := strings.Join(got.Values("X-Client-Name"), "|"); name != row.want {
				t.Errorf("the upstream got %s", name)
			}
		})
	}
}

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestTheExampleOfRewritingChangesRequestAndResponse(t *testing.T) {
	c, _ := startExample(t, "rewrite/main.lua", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "secret/1.0")
		w.Header().Set("X-Powered-By", "secret")
		switch r.URL.Path {
		case "/login":
			w.Header().Set("Location", r.URL.Query().Get("to"))
			w.WriteHeader(http.StatusFound)
		case "/logo.png":
			w.Header().Set("Cache-Control", "max-age=60")
		}
		fmt.Fprintf(w, "%s %s prefix=%q debug=%q", r.Method, r.RequestURI, r.Header.Get("X-Forwarded-Prefix"), r.Header.Get("X-Debug"))
	})
	for target, want := range map[string]string{
		"/any?a=1&b=2":                         `GET /any?a=1&b=2 prefix="" debug="1"`,
		"/any?utm_source=mail&a=1&utm_id=7":    `GET /any?a=1 prefix="" debug="1"`,
		"/any?utm_source=mail":                 `GET /any prefix="" debug="1"`,
		"/api/users?id=7":                      `GET /users?id=7 prefix="/api" debug=""`,
		"/api/users/a%2Fb":                     `GET /users/a%2Fb prefix="/api" debug=""`,
		"/api/":                                `GET / prefix="/api" debug=""`,
		"/blog/2024/hello?page=2&utm_source=x": `GET /articles?page=2&year=2024&slug=hello prefix="" debug="1"`,
		"/blog/2024/a%26b?slug=other":          `GET /articles?slug=a%26b&year=2024 prefix="" debug="1"`,
		"/blog/new/hello":                      `GET /blog/new/hello prefix="" debug="1"`,
		"/logo.png":                            `GET /logo.png prefix="" debug="1"`,
	} {
		answer := c.Get(target, "X-Debug: 1", "X-Forwarded-Prefix: ")
		answer.Want(200, want)
		caching := map[bool]string{true: "max-age=60", false: "no-store"}[target == "/logo.png"]
		for name, want := range map[string]string{
			"Server": "", "X-Powered-By": "", "X-Content-Type-Options": "nosniff", "Cache-Control": caching,
		} {
			if got := strings.Join(answer.Header.Values(name), "|"); got != want {
				t.Errorf("%s: %s is %q; want %q", target, name, got, want)
			}
		}
	}
	for location, want := range map[string]string{
		"/home": "/api/home", "/": "/api/", "//other.example/": "//other.example/", "https://other.example/": "https://other.example/", "next": "next",
	} {
		answer := c.Get("/api/login?to=" + location)
		if got := answer.Header.Get("Location"); answer.Status != 302 || got != want {
			t.Errorf("a redirect to %s is %d %s; want %s", location, answer.Status, got, want)
		}
	}
}

func TestTheExampleOfValidationLetsOnlyGoodBodiesPass(t *testing.T) {
	c, app := startExample(t, "validate/main.lua", nil)
	const kind = "application/json"
	wrong := func(errors ...string) string { return `{"errors":[` + strings.Join(errors, ",") + `]}` }
	field := func(name, message string) string { return fmt.Sprintf(`{"field":%q,"message":%q}`, name, message) }
	const count = "must be a whole number from 1 to 99"
	for _, row := range []struct {
		name, kind, body string
		status           int
		answer           string // empty where it does not matter
	}{
		{"a good order", kind, `{"item": "tea", "count": 2}`, 200, ""},
		{"blanks, order, escapes and a note", kind, " {\n\t\"count\":2e0 , \"note\":\"\\u00e9\\n\", \"item\":\"t\\u0065a\" }\n", 200, ""},
		{"a charset", "Application/JSON; charset=utf-8", `{"item": "tea", "count": 99}`, 200, ""},
		{"a body as large as allowed", kind, padded(16 * 1024), 200, ""},
		{"a larger body", kind, padded(16*1024 + 1), 413, ""},
		{"another type", "text/plain", `{"item": "tea", "count": 2}`, 415, ""},
		{"a type that begins alike", "application/json-seq", `{"item": "tea", "count": 2}`, 415, ""},
		{"no type", "", `{"item": "tea", "count": 2}`, 415, ""},
		{"an end too soon", kind, `{"item": "tea"`, 400, ""},
		{"no JSON", kind, `item=tea`, 400, ""},
		{"an empty body", kind, ``, 400, ""},
		{"more behind the object", kind, `{"item": "tea", "count": 2} {}`, 400, ""},
		{"a text", kind, `"tea"`, 400, `{"error":"the body must be an object"}`},
		{"null", kind, `null`, 400, `{"error":"the body must be an object"}`},
		{"false", kind, `false`, 400, `{"error":"the body must be an object"}`},
		{"an empty object", kind, `{}`, 422, wrong(field("count", "is missing"), field("item", "is missing"))},
		{"an unknown field", kind, `{"item": "tea", "count": 2, "colour": 1}`, 422, wrong(field("colour", "is not known"))},
		{"everything wrong", kind, `{"item": "", "count": 2.5, "note": 7, "x": {}}`, 422, wrong(field("count", count),
			field("item", "must have 1 to 100 bytes"), field("note", "must be a text"), field("x", "is not known"))},
		{"null in fields", kind, `{"item": null, "count": null}`, 422, wrong(field("count", count), field("item", "must be a text"))},
		{"too many", kind, `{"item": "tea", "count": 100}`, 422, wrong(field("count", count))},
		{"a number as text", kind, `{"item": "tea", "count": "2"}`, 422, wrong(field("count", count))},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, chunked := range []bool{false, true} {
				before := app.Requests.Load()
				var body io.Reader = strings.NewReader(row.body)
				if chunked {
					body = inChunks(row.body)
				}
				answer := c.Send(http.MethodPost, "/orders", body, "Content-Type: "+row.kind)
				if answer.Status != row.status || row.answer != "" && answer.Body != row.answer {
					t.Errorf("in chunks %t: the answer is %d %s; want %d %s", chunked, answer.Status, answer.Body, row.status, row.answer)
				}
				if row.status == 200 {
					if got := answer.From("app").Body; got != row.body {
						t.Errorf("in chunks %t: the origin got %q", chunked, got)
					}
				} else if app.Requests.Load() != before {
					t.Errorf("in chunks %t: the origin was asked", chunked)
				}
			}
		})
	}
	if answer := c.Get("/orders"); answer.Status != 405 {
		t.Errorf("GET is answered with %d", answer.Status)
	}
}

// padded is a good order of so many bytes.
func padded(size int) string {
	const order = `{"item": "tea", "count": 1}`
	return order + strings.Repeat(" ", size-len(order))
}

func TestTheExampleOfSigningLetsTheOriginCheckRequests(t *testing.T) {
	const key = "a key for tests"
	t.Setenv("SIGNING_KEY", key)
	digest := func(h interface {
		io.Writer
		Sum([]byte) []byte
	}, text string,
	) string {
		_, _ = io.WriteString(h, text)
		return hex.EncodeToString(h.Sum(nil))
	}
	started := time.Now().Unix()
	c, _ := startExample(t, "signing/main.lua", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		at := r.Header.Get("X-Timestamp")
		if n, err := strconv.ParseInt(at, 10, 64); err != nil || n < started || n > time.Now().Unix() {
			t.Errorf("the timestamp is %q: %v", at, err)
		}
		hash := digest(sha256.New(), string(body))
		text := strings.Join([]string{r.Method, r.RequestURI, at, hash}, "\n")
		if signature := digest(hmac.New(sha256.New, []byte(key)), text); r.Header.Get("X-Content-SHA256") != hash || r.Header.Get("X-Signature") != signature {
			t.Errorf("the signature of %q is %q; want %q", text, r.Header.Get("X-Signature"), signature)
		}
		if n := len(r.Header.Values("X-Signature")); n != 1 {
			t.Errorf("there are %d signatures", n)
		}
		fmt.Fprintf(w, "%d bytes", len(body))
	}, "env SIGNING_KEY")

	c.Get("/").Want(200, "0 bytes")
	c.Get("/a%2Fb/%C3%BC?x=1&y=%20&x=2").Want(200, "0 bytes")
	c.Get("//a/../b?").Want(200, "0 bytes")
	c.Get("/", "X-Signature: forged", "X-Timestamp: 1", "X-Content-SHA256: none").Want(200, "0 bytes")
	c.Send(http.MethodPost, "/orders", strings.NewReader("item=tea")).Want(200, "8 bytes")
	c.Send(http.MethodPut, "/bytes", inChunks(random(100_000))).Want(200, "100000 bytes")
}

func TestTheExampleOfSigningDoesNotStartWithoutAKey(t *testing.T) {
	t.Setenv("SIGNING_KEY", "a key for tests")
	c, _ := startExample(t, "signing/main.lua", nil, "env SIGNING_KEY")
	t.Setenv("SIGNING_KEY", "")
	if err := c.Load(c.Caddyfile("http:// {\nluaroute {\nscript $dir/main.lua\nenv SIGNING_KEY\n}\n}\n")); err == nil ||
		!strings.Contains(err.Error(), "SIGNING_KEY is not set") {
		t.Errorf("the error is %v", err)
	}
	if signature := c.Get("/").From("app").Header.Get("X-Signature"); len(signature) != 64 {
		t.Errorf("the configuration before does not serve any more; the signature is %q", signature)
	}
}

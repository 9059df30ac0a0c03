package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

func ask(t *testing.T, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if !ServePage(w, r, path) {
		t.Fatalf("there is no %s", path)
	}
	return w
}

func TestTheWholePageIsAtMost80KiBPacked(t *testing.T) {
	t.Parallel()
	s := pages()
	total := len(s.index.packed)
	for _, f := range s.files {
		total += len(f.packed)
	}
	t.Logf("%d bytes", total)
	if total > 80<<10 {
		t.Errorf("the page is %d bytes; want at most %d", total, 80<<10)
	}
}

func TestFilesAreKeptForeverAndTheDocumentIsNot(t *testing.T) {
	t.Parallel()
	document := ask(t, http.MethodGet, "/")
	if got := document.Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the document has Cache-Control %q", got)
	}
	named := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(document.Body.String(), -1)
	if len(named) < 4 {
		t.Errorf("the document names %v", named)
	}
	for _, m := range named {
		w := ask(t, http.MethodGet, "/"+m[1])
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, %v", m[1], w.Code, w.Header())
		}
	}
}

func TestEveryModuleThatTheFilesNameIsThere(t *testing.T) {
	t.Parallel()
	s := pages()
	from := regexp.MustCompile(`(?:from|import)\s*"\./([^"]+)"`)
	found := 0
	for name, f := range s.files {
		for _, m := range from.FindAllStringSubmatch(string(f.plain), -1) {
			found++
			if _, ok := s.files[m[1]]; !ok {
				t.Errorf("%s names %s, which is not there", name, m[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("%d modules are named; some were not read", found)
	}
}

func TestEachAnswerHasTheFieldsThatProtect(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
	}
	for _, path := range []string{"/", "/" + pages().folder + "/app.js", "/" + pages().folder + "/style.css"} {
		header := ask(t, http.MethodGet, path).Header()
		for name, value := range want {
			if header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, header.Get(name))
			}
		}
	}
}

func TestFilesArePackedForThoseWhoUnpack(t *testing.T) {
	t.Parallel()
	path := "/" + pages().folder + "/app.js"
	plain := ask(t, http.MethodGet, path)
	packed := ask(t, http.MethodGet, path, "Accept-Encoding", "br, gzip")
	if plain.Header().Get("Content-Encoding") != "" || packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v and %v", plain.Header(), packed.Header())
	}
	r, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, plain.Body.Bytes()) {
		t.Errorf("%v: unpacked it differs", err)
	}
	if head := ask(t, http.MethodHead, path); head.Body.Len() != 0 || head.Header().Get("Content-Length") == "0" {
		t.Errorf("HEAD: %v %q", head.Header(), head.Body)
	}
	if post := ask(t, http.MethodPost, path); post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.Code)
	}
}

func TestOtherPathsAreNoFiles(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/x", "/app.js", "/index.html", "/" + pages().folder, "/" + pages().folder + "/", "/" + pages().folder + "/../app.js", "/" + pages().folder + "/index.html"} {
		if ServePage(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), path) {
			t.Errorf("%s is a file", path)
		}
	}
}

func TestTheLibrariesOfThePageAreThoseOfTheirPackages(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("page/lib/README.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(\\w+\\.js)` \\|.*\\| `[^`]*/([^`/]+)` `([0-9a-f]{64})` \\|$")
	rows := row.FindAllStringSubmatch(string(readme), -1)
	files, _ := fs.Glob(os.DirFS("page/lib"), "*.js")
	if len(rows) != len(files) {
		t.Fatalf("README.md has %d files, and the folder %v", len(rows), files)
	}
	for _, m := range rows {
		text, err := os.ReadFile("page/lib/" + m[1])
		if err != nil {
			t.Fatal(err)
		}
		original := bytes.ReplaceAll(text, []byte(`from"./preact.js"`), []byte(`from"preact"`))
		if m[1] != "htm.js" {
			original = append(original, "//# sourceMappingURL="+m[2]+".map\n"...)
		}
		if sum := sha256.Sum256(original); hex.EncodeToString(sum[:]) != m[3] {
			t.Errorf("%s is not %s of its package", m[1], m[2])
		}
	}
	for _, licence := range []string{"preact.LICENSE.txt", "htm.LICENSE.txt"} {
		if f := pages().files[licence]; len(f.plain) < 500 {
			t.Errorf("the page has no %s", licence)
		}
	}
}

func TestNoScriptOfThePageMakesCodeOrMarkupOfText(t *testing.T) {
	t.Parallel()
	evil := regexp.MustCompile(`\beval\(|new Function|\bFunction\(|dangerouslySetInnerHTML|insertAdjacentHTML|document\.write|outerHTML\s*=`)
	for name, f := range pages().files {
		if name == "preact.js" { // it knows the property, which nothing here uses
			continue
		}
		if m := evil.Find(f.plain); m != nil {
			t.Errorf("%s has %s", name, m)
		}
	}
}

package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed page/*.html page/*.js page/*.css page/*.svg page/lib/*.js page/lib/*.txt
var embedded embed.FS

// file is one file of the page.
type file struct {
	plain, packed []byte
	kind          string
}

// site is the page as it is served: its files by their path below a folder that is named after the hash of all of them, so that they may be
// kept forever, and the document that names this folder.
type site struct {
	folder string
	index  file
	files  map[string]file
}

// folderName is what stands for the folder in the document.
const folderName = "$folder"

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// pages packs the files once.
var pages = sync.OnceValue(func() *site {
	s := &site{files: map[string]file{}}
	hash := sha256.New()
	_ = fs.WalkDir(embedded, "page", func(name string, entry fs.DirEntry, _ error) error {
		if entry.IsDir() {
			return nil
		}
		text, _ := embedded.ReadFile(name)
		hash.Write(text)
		s.files[path.Base(name)] = newFile(path.Ext(name), text)
		return nil
	})
	s.folder = hex.EncodeToString(hash.Sum(nil)[:8])
	index := strings.ReplaceAll(string(s.files["index.html"].plain), folderName, s.folder)
	s.index = newFile(".html", []byte(index))
	delete(s.files, "index.html")
	return s
})

func newFile(extension string, text []byte) file {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write(text)
	_ = w.Close()
	return file{text, packed.Bytes(), kinds[extension]}
}

// policy lets the page run its own files, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// protect sets the header fields that all answers have.
func protect(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// ServePage answers with a file of the page, and reports whether there is one: path begins with a slash, and is relative to the page.
func ServePage(w http.ResponseWriter, r *http.Request, path string) bool {
	s := pages()
	f, keep := s.index, "no-cache"
	if path != "/" {
		name, inside := strings.CutPrefix(path, "/"+s.folder+"/")
		known, ok := s.files[name]
		if !inside || !ok {
			return false
		}
		f = known
		keep = "public, max-age=31536000, immutable"
	}
	header := w.Header()
	protect(header)
	header.Set("Cache-Control", keep)
	header.Set("Content-Type", f.kind)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the page answers GET", http.StatusMethodNotAllowed)
		return true
	}
	body := f.plain
	header.Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
	return true
}

package response_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// sendfile is a writer that notes whether its ReadFrom was used.
type sendfile struct {
	*httptest.ResponseRecorder
	used bool
}

func (w *sendfile) ReadFrom(r io.Reader) (int64, error) {
	w.used = true
	return io.Copy(struct{ io.Writer }{w.ResponseRecorder}, r)
}

func TestTheHeaderWriterChangesTheHeaderHoweverItLeaves(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(*response.HeaderWriter) error{
		"written":     func(w *response.HeaderWriter) error { _, err := w.Write([]byte("x")); return err },
		"copied":      func(w *response.HeaderWriter) error { _, err := w.ReadFrom(strings.NewReader("x")); return err },
		"flushed":     func(w *response.HeaderWriter) error { return http.NewResponseController(w).Flush() },
		"header only": func(w *response.HeaderWriter) error { w.WriteHeader(204); return nil },
		"twice": func(w *response.HeaderWriter) error {
			w.WriteHeader(204)
			w.Header().Set("X-Stamp", "late")
			w.WriteHeader(204)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			stamp := &field.Ops{Set: http.Header{"x-stamp": {"ours"}}, Remove: []string{"X-Secret"}}
			under := &sendfile{ResponseRecorder: httptest.NewRecorder()}
			w := response.NewHeaderWriter(under, stamp)
			if err := send(w); err != nil {
				t.Fatal(err)
			}
			if got := under.Result().Header.Get("X-Stamp"); got != "ours" || !w.Wrote() {
				t.Errorf("stamp %q, wrote %v", got, w.Wrote())
			}
			if name == "twice" && under.Header().Get("X-Stamp") != "late" {
				t.Error("the header was changed again; what is there by now are trailers")
			}
			if under.used != (name == "copied") {
				t.Errorf("ReadFrom of the server was used: %v", under.used)
			}
		})
	}
}

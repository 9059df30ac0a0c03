package forwardauth

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// maxBody is the size of the largest body that is passed on to the client. Of a larger answer it gets the status and the header.
const maxBody = 64 << 10

// verdict is what the server has said. It never changes.
type verdict struct {
	status int
	// claims are the values for Config.Copies, and cookies what is added to the response, of a request that passes.
	claims  [][]string
	cookies []string
	// header and body are the answer to one that does not.
	header http.Header
	body   string
}

func (v *verdict) passes() bool { return v.status >= 200 && v.status < 300 }

// size returns about how much memory it takes.
func (v *verdict) size() (n int64) {
	const fixed = 400 // with its place in the memory
	for _, values := range v.claims {
		n += 40
		for _, value := range values {
			n += int64(len(value)) + 16
		}
	}
	for name, values := range v.header {
		n += int64(len(name)) + 80
		for _, value := range values {
			n += int64(len(value)) + 16
		}
	}
	return n + int64(len(v.body)) + fixed
}

// send answers the request with it.
func (v *verdict) send(ex *chiproxy.Exchange) error {
	h := ex.W.Header()
	for name, values := range v.header {
		switch name {
		case "Set-Cookie", "Vary":
			h[name] = slices.Concat(h[name], values)
		default:
			h[name] = slices.Clone(values)
		}
	}
	bare := v.status == http.StatusNotModified
	if !bare {
		h["Content-Length"] = []string{strconv.Itoa(len(v.body))}
	}
	ex.W.WriteHeader(v.status)
	if bare || v.body == "" || ex.R.Method == http.MethodHead {
		return nil
	}
	_, err := io.WriteString(ex.W, v.body)
	return err
}

// recorder is the answer as it comes.
type recorder struct {
	header, sent http.Header
	status       int
	body         strings.Builder
	large        bool
}

// Header returns the header that is to be sent.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader notes the status, unless it is one that another follows.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, maps.Clone(w.header)
	}
}

var errLarge = errors.New("the rest of the body is not needed")

// Write adds to the body. The error ends an answer whose body nobody gets.
func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.large = w.large || w.body.Len()+len(p) > maxBody; w.large {
		return 0, errLarge
	}
	return w.body.Write(p)
}

// Flush has nothing to do.
func (w *recorder) Flush() {}

// verdict returns what the answer says. The error is what ended its body.
func (w *recorder) verdict(m *Middleware, broken error) (*verdict, error) {
	v := &verdict{status: w.status}
	switch {
	case w.status >= 500:
		return nil, fmt.Errorf("the answer has the status %d", w.status)
	case v.passes():
		v.cookies = w.sent["Set-Cookie"]
		v.claims = make([][]string, len(m.Copies))
		for i, c := range m.Copies {
			v.claims[i] = slices.DeleteFunc(slices.Clone(w.sent[c.From]), func(value string) bool { return value == "" })
		}
		return v, nil
	}
	v.header = w.sent
	for name := range v.header {
		if name != "Content-Type" && name != "Content-Encoding" && name != "Content-Language" && means(name) {
			delete(v.header, name)
		}
	}
	if broken == nil {
		v.body = w.body.String()
	} else {
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Etag"} {
			delete(v.header, name)
		}
	}
	return v, nil
}

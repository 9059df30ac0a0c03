package chiproxy

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/jsonshape"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// maxShaped is the largest JSON body of a response whose fields are changed, in bytes.
const maxShaped = 1 << 20

// badJSON is the error of a body whose fields cannot be changed. It must not pass: what is in it may be denied.
func badJSON(err error) error {
	return caddyhttp.Error(http.StatusBadGateway, &failure.UpstreamError{Err: fmt.Errorf("response_json: %w", err)})
}

var (
	errLargeJSON   = badJSON(fmt.Errorf("the body has more than %d bytes", maxShaped))
	errEncodedJSON = badJSON(errors.New("the body is compressed, though the request does not allow it"))
)

// shaping forwards, and changes the fields of a JSON body that a success has.
func (b *boundProxy) shaping(ex *Exchange, inside func() (Verdict, error)) (Verdict, error) {
	if b.shape == nil {
		return inside()
	}
	hooks := ex.ResponseHooks()
	hooks.OnWhole(response.WholeBody{
		Takes: isJSON, Limit: maxShaped, TooLarge: errLargeJSON,
		Change: func(_ int, header http.Header, body []byte) ([]byte, error) {
			if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
				return nil, errEncodedJSON
			}
			changed, err := b.shape.Apply(body)
			if err != nil {
				return nil, badJSON(err)
			}
			return changed, nil
		},
	})
	return ex.Around(hooks, inside)
}

// isJSON reports whether a body is JSON by its type, such as application/json and application/problem+json.
func isJSON(header http.Header) bool {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind, _, _ = strings.Cut(header.Get("Content-Type"), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// shapeOf returns what a Proxy changes in JSON bodies, nil for nothing.
func (p *Proxy) shapeOf() (*jsonshape.Shape, error) {
	if p.ResponseJSON == nil {
		return nil, nil
	}
	shape, err := jsonshape.New(*p.ResponseJSON)
	if err != nil {
		return nil, fmt.Errorf("proxy: response_json: %w", err)
	}
	return shape, nil
}

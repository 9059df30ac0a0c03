package luaroute

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// maxQuestion bounds the request that is asked about, in bytes.
const maxQuestion = 16 << 20

// serveExplain answers with what the table does with the request that the body describes. Hooks run with ?run=true.
func serveExplain(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	run, err := runHooks(r)
	if err != nil {
		return badRequest(err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if err != nil {
		return badRequest(err)
	}
	var question chiproxy.Question
	if err := caddy.StrictUnmarshalJSON(body, &question); err != nil {
		return badRequest(fmt.Errorf("the request: %w; expected method, scheme, host, path, headers, remote_addr and body", err))
	}
	asked, err := question.HTTP()
	if err != nil {
		return badRequest(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // what else the context knows is about the admin API
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	d := i.Explain(asked.WithContext(ctx), run)
	return write(w, r, d, func(w io.Writer) { _ = d.WriteText(w) })
}

// runHooks returns whether the query says run=true.
func runHooks(r *http.Request) (bool, error) {
	text := r.URL.Query().Get("run")
	if text == "" {
		return false, nil
	}
	run, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("run %q: expected true or false", text)
	}
	return run, nil
}

func badRequest(err error) error { return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err} }

package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// scriptOf returns the source and the name that a request is about. The query names the tenant of the configuration whose source
// it is; without one it is that of the instance itself.
func scriptOf(i *instance.Instance, r *http.Request) (source.Writer, string, error) {
	name := r.PathValue("script")
	if err := source.CheckScriptName(name); err != nil {
		return nil, "", caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	tenant := r.URL.Query().Get("tenant")
	w := i.Writer(tenant)
	if w == nil {
		of := ""
		if tenant != "" {
			of = fmt.Sprintf(" of tenant %q", tenant)
		}
		return nil, "", caddy.APIError{
			HTTPStatus: http.StatusForbidden,
			Err:        fmt.Errorf("no source%s is writable; to allow it, configure a source storage that is writable", of),
		}
	}
	return w, name, nil
}

// serveGetScript answers with the text of a script or module.
func serveGetScript(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	_, code, err := existing(i, r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = w.Write(code)
	return err
}

// existing returns the script of a request, which must be there.
func existing(i *instance.Instance, r *http.Request) (source.Writer, []byte, error) {
	writer, name, err := scriptOf(i, r)
	if err != nil {
		return nil, nil, err
	}
	code, err := writer.Read(r.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("there is no script %q", name)}
	}
	return writer, code, err
}

// servePutScript keeps a script or module if a whole load with it succeeds, and answers as a reload does.
func servePutScript(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	writer, name, err := scriptOf(i, r)
	if err != nil {
		return err
	}
	code, err := io.ReadAll(http.MaxBytesReader(w, r.Body, source.MaxScript))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return caddy.APIError{
			HTTPStatus: http.StatusRequestEntityTooLarge,
			Err:        fmt.Errorf("script %q is larger than %d MiB", name, source.MaxScript>>20),
		}
	}
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	if code == nil {
		code = []byte{}
	}
	return push(i, w, r, writer, name, code)
}

// serveDeleteScript removes a script or module if a whole load without it succeeds, and answers as a reload does.
func serveDeleteScript(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	writer, _, err := existing(i, r)
	if err != nil {
		return err
	}
	return push(i, w, r, writer, r.PathValue("script"), nil)
}

// errNotKept marks the failure of a source to keep a script that loaded.
var errNotKept = errors.New("the script was not kept")

// push changes a source.
func push(i *instance.Instance, w http.ResponseWriter, r *http.Request, to source.Writer, name string, code []byte) error {
	cause := instance.CausePush
	if code == nil {
		cause = instance.CauseDelete
	}
	done, err := i.Change(to.Try(r.Context(), name, code), cause, func(ctx context.Context) error {
		if err := to.Write(ctx, name, code); err != nil {
			return fmt.Errorf("%w: %w", errNotKept, err)
		}
		return nil
	})
	switch {
	case errors.Is(err, errNotKept):
		return err
	case err != nil:
		return reloadError(err)
	}
	return writeJSON(w, newReloadInfo(done))
}

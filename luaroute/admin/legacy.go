package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

// The endpoints of the old contract, with their JSON.

// maxDecision bounds the body of a request for a decision, in bytes.
const maxDecision = 16 << 20

// started is when the process began, nearly.
var started = time.Now()

// serveDecision asks the function of a tenant about the request and the backends in the body, and answers with what it decides,
// as it is.
func serveDecision(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		legacy.Request
		Backends []legacy.Backend `json:"backends"`
	}
	if err := decodeOne(http.MaxBytesReader(w, r.Body, maxDecision), &asked); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	table := i.Table()
	for !table.Acquire() { // a reload came in between
		if table = i.Table(); i.Ended() {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: instance.ErrEnded}
		}
	}
	defer table.Release()
	name := r.PathValue("tenant")
	function := legacy.FunctionOf(table, name)
	if function == nil {
		return writeJSON(w, legacy.Decision{
			ModifiedHeaders: map[string]string{}, Reject: true, RejectReason: "No script found for tenant: " + name,
		})
	}
	decision, err := function.Decide(r.Context(), asked.Request, asked.Backends)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: decisionError(err)}
	}
	return writeJSON(w, decision)
}

// decodeOne reads one JSON value and nothing behind it. Fields it does not know are ignored, as they always were.
func decodeOne(r io.Reader, to any) error {
	dec := json.NewDecoder(r)
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("expected a request in JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("expected one request in JSON, found more after it")
	}
	return nil
}

// decisionError says what is wrong with a script, without its trace.
func decisionError(err error) error {
	if hook, ok := errors.AsType[*chiproxy.HookError](err); ok && hook.Budget {
		return errors.New("script execution timeout")
	}
	if own, ok := errors.AsType[*script.Error](err); ok {
		return errors.New(own.Error())
	}
	return err
}

// serveHealth says how many services of each tenant are healthy.
func serveHealth(i *instance.Instance, w http.ResponseWriter, _ *http.Request) error {
	health := legacy.HealthOf(i.Table())
	health.Uptime, health.Version = time.Since(started).Round(time.Second).String(), version()
	return writeJSON(w, health)
}

// version is that of this module.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			return dep.Version
		}
	}
	return info.Main.Version
}

const modulePath = "github.com/luaroute/caddy-luaroute"

// serveTenants lists the tenants.
func serveTenants(i *instance.Instance, w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, legacy.TenantsOf(i.Table()))
}

package instance

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/tail"
)

// Tail adds a viewer of the requests that end, which gets at most a number of them in a second. It ends with the configuration.
func (i *Instance) Tail(wants tail.Filter, perSecond float64) (*tail.Viewer, error) {
	return i.tail.Look(wants, perSecond)
}

// ending is a request that viewers want to hear of when it has ended.
type ending struct {
	instance *Instance
	started  time.Time
	request  *http.Request
	told     *observed

	method, host, path string // before anything has changed them
}

// longest is how many bytes an event has of what a client wrote, each.
const longest = 2 << 10

// follow notes a request at its beginning.
func (i *Instance) follow(r *http.Request, told *observed) *ending {
	return &ending{
		instance: i, started: time.Now(), request: r, told: told,
		method: cut(r.Method), host: cut(r.Host), path: cut(r.URL.EscapedPath()),
	}
}

// cut bounds a string, and does not keep what it leaves out.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

// end tells the viewers.
func (e *ending) end() {
	o := e.told
	event := &tail.Event{
		Time: time.Now(), Method: e.method, Host: e.host, Path: e.path, Tenant: o.Tenant, Route: o.name(), Pattern: o.Pattern, At: o.At,
		Outcome: o.Outcome.String(), Pool: o.Pool, Status: o.Status, Lua: (o.Lua + time.Microsecond - 1).Microseconds(),
	}
	event.Milliseconds = float64(event.Time.Sub(e.started).Microseconds()) / 1000
	ctx := e.request.Context()
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		event.ID, _ = repl.GetString("http.request.uuid")
		if o.Pool != "" {
			event.Upstream, _ = repl.GetString("http.reverse_proxy.upstream.hostport")
		}
	}
	event.Client, _ = caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	e.instance.tail.Send(event)
}

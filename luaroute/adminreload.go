package luaroute

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// reloadInfo is what a reload has changed, in the admin API.
type reloadInfo struct {
	// Status and Count, the number of scripts as a text, are of the old contract.
	Status  string      `json:"status"`
	Count   string      `json:"count"`
	Version int         `json:"version"`
	Routes  changesInfo `json:"routes"`
	Pools   changesInfo `json:"pools"`
	Tenants changesInfo `json:"tenants"`
}

// changesInfo has the numbers, and the first names of each.
type changesInfo struct {
	Added        int      `json:"added"`
	Removed      int      `json:"removed"`
	Changed      int      `json:"changed"`
	AddedNames   []string `json:"added_names,omitempty"`
	RemovedNames []string `json:"removed_names,omitempty"`
	ChangedNames []string `json:"changed_names,omitempty"`
}

// maxNames bounds each list of names in an answer.
const maxNames = 100

func newChangesInfo(c chiproxy.Changes) changesInfo {
	first := func(names []string) []string { return names[:min(len(names), maxNames)] }
	return changesInfo{
		len(c.Added), len(c.Removed), len(c.Changed), first(c.Added), first(c.Removed), first(c.Changed),
	}
}

// serveReload runs the scripts again and answers with what has changed. A failed reload is 422 with the error.
func serveReload(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	done, err := i.Reload(r.Context(), instance.CauseAdmin)
	if err != nil {
		return reloadError(err)
	}
	return writeJSON(w, newReloadInfo(done))
}

// reloadError is how a reload that failed is answered: as one of the scripts, unless there was nothing left to reload.
func reloadError(err error) error {
	status := http.StatusUnprocessableEntity
	if errors.Is(err, instance.ErrEnded) {
		status = http.StatusServiceUnavailable
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

func newReloadInfo(r *instance.Reloaded) reloadInfo {
	return reloadInfo{
		Status: "scripts reloaded", Count: strconv.Itoa(len(r.Scripts)),
		Version: r.Version, Routes: newChangesInfo(r.Routes), Pools: newChangesInfo(r.Pools), Tenants: newChangesInfo(r.Tenants),
	}
}

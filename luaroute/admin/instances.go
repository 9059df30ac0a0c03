package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// Info is an instance in the admin API.
type Info struct {
	Name     string           `json:"name"`
	Version  int              `json:"version"`
	LoadedAt time.Time        `json:"loaded_at"`
	Scripts  []string         `json:"scripts"`
	Counts   inventory.Counts `json:"counts"`
	// LastError is that of the last reload, nil if it succeeded.
	LastError *ErrorInfo `json:"last_error,omitempty"`
	// LeftOut are the tenants that answer 503 because their scripts have failed.
	LeftOut []LeftOutInfo `json:"left_out,omitempty"`
}

// LeftOutInfo is a tenant that is left out.
type LeftOutInfo struct {
	Tenant string `json:"tenant"`
	Error  string `json:"error"`
}

// ErrorInfo is a reload that failed.
type ErrorInfo struct {
	Error string    `json:"error"`
	Cause string    `json:"cause"`
	At    time.Time `json:"at"`
}

// InfoOf describes an instance.
func InfoOf(i *instance.Instance) Info {
	s := i.State()
	info := Info{Name: i.Name(), Version: s.Version, LoadedAt: s.LoadedAt.UTC(), Scripts: s.Scripts, Counts: inventory.Count(s.Table)}
	if info.Scripts == nil {
		info.Scripts = []string{}
	}
	if f := s.Failure; f != nil {
		info.LastError = &ErrorInfo{f.Err.Error(), f.Cause, f.At.UTC()}
	}
	for _, tenant := range slices.Sorted(maps.Keys(s.LeftOut)) {
		info.LeftOut = append(info.LeftOut, LeftOutInfo{tenant, s.LeftOut[tenant].Error()})
	}
	return info
}

// serveInstances lists the instances that run.
func serveInstances(w http.ResponseWriter, r *http.Request) error {
	all := []Info{}
	for _, i := range instance.All() {
		all = append(all, InfoOf(i))
	}
	return write(w, r, all, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tVERSION\tLOADED AT\tTENANTS\tROUTES\tPOOLS\tSCRIPTS\tLAST ERROR")
		for _, i := range all {
			failed := ""
			if i.LastError != nil {
				failed = i.LastError.Error
			}
			for _, l := range i.LeftOut {
				failed = strings.TrimPrefix(failed+"; tenant "+l.Tenant+" is left out: "+l.Error, "; ")
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%d\t%d\t%s\t%s\n", i.Name, i.Version, i.LoadedAt.Format(time.RFC3339),
				i.Counts.Tenants, i.Counts.Routes, i.Counts.Pools, strings.Join(i.Scripts, ","), failed)
		}
		_ = t.Flush()
	})
}

// maxQuestion bounds the description of a request, in bytes.
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
	asked, err := ReadQuestion(body)
	if err != nil {
		return badRequest(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // the rest of the context belongs to the admin API
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	d := i.Explain(asked.WithContext(ctx), run)
	return write(w, r, d, func(w io.Writer) { _ = d.WriteText(w) })
}

// ReadQuestion reads the description of a request.
func ReadQuestion(body []byte) (*http.Request, error) {
	var question explain.Request
	if err := caddy.StrictUnmarshalJSON(body, &question); err != nil {
		return nil, fmt.Errorf("the request: %w; expected method, scheme, host, path, headers, remote_addr and body", err)
	}
	return question.HTTP()
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

// servePools lists the pools of the table that serves, with the state of their upstreams.
func servePools(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	all := inventory.Pools(i.Table())
	return write(w, r, all, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "TENANT\tPOOL\tUPSTREAM\tHEALTHY\tREQUESTS\tFAILS\tAT")
		for _, p := range all {
			for _, u := range p.Upstreams {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", or(p.Tenant, "-"), p.Name, u.Address, strconv.FormatBool(u.Healthy), u.Requests, u.Fails, p.At)
			}
		}
		_ = t.Flush()
	})
}

// reloadInfo is what a reload has changed, in the admin API.
type reloadInfo struct {
	// Status and Count, the number of scripts as a string, are of the old contract.
	Status  string `json:"status"`
	Count   string `json:"count"`
	Version int    `json:"version"`
	inventory.Difference
}

// serveReload runs the scripts again and answers with what has changed. A failed reload is 422 with the error.
func serveReload(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	done, err := i.Reload(r.Context(), instance.CauseAdmin)
	if err != nil {
		return reloadError(err)
	}
	return writeJSON(w, newReloadInfo(done))
}

// reloadError is the answer to a failed reload: 422, unless the instance has ended.
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
		Version: r.Version, Difference: r.Difference,
	}
}

package luaroute

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// poolInfo is a pool in the admin API.
type poolInfo struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant,omitempty"`
	// At is script:line, or the path in the configuration.
	At string `json:"at,omitempty"`
	// Upstreams are those of the configuration of the pool; those of a dynamic source depend on the request.
	Upstreams []upstreamInfo `json:"upstreams"`
}

type upstreamInfo struct {
	Address  string `json:"address"`
	Healthy  bool   `json:"healthy"`
	Requests int    `json:"requests"`
	Fails    int    `json:"fails"`
}

// servePools lists the pools of the table that serves, with the state of their upstreams.
func servePools(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	all := []poolInfo{}
	for _, p := range i.Table().Pools() {
		info := poolInfo{p.Name, p.Tenant, p.At.String(), make([]upstreamInfo, len(p.Upstreams))}
		for n, u := range p.Upstreams {
			info.Upstreams[n] = upstreamInfo{u.Address, u.Healthy, u.Requests, u.Fails}
		}
		all = append(all, info)
	}
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

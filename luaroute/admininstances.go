package luaroute

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// instanceInfo is an instance in the admin API.
type instanceInfo struct {
	Name     string    `json:"name"`
	Version  int       `json:"version"`
	LoadedAt time.Time `json:"loaded_at"`
	Scripts  []string  `json:"scripts"`
	Counts   counts    `json:"counts"`
	// LastError is that of the last reload, nil if it was good.
	LastError *errorInfo `json:"last_error,omitempty"`
}

type counts struct {
	Tenants int `json:"tenants"`
	Routes  int `json:"routes"`
	Pools   int `json:"pools"`
}

type errorInfo struct {
	Error string    `json:"error"`
	Cause string    `json:"cause"`
	At    time.Time `json:"at"`
}

func infoOf(i *instance.Instance) instanceInfo {
	s := i.State()
	info := instanceInfo{Name: i.Name(), Version: s.Version, LoadedAt: s.LoadedAt.UTC(), Scripts: s.Scripts}
	if info.Scripts == nil {
		info.Scripts = []string{}
	}
	info.Counts.Tenants, info.Counts.Routes, info.Counts.Pools = s.Table.Counts()
	if f := s.Failure; f != nil {
		info.LastError = &errorInfo{f.Err.Error(), f.Cause, f.At.UTC()}
	}
	return info
}

// serveInstances lists the instances that run.
func serveInstances(w http.ResponseWriter, r *http.Request) error {
	all := []instanceInfo{}
	for _, i := range instance.All() {
		all = append(all, infoOf(i))
	}
	return write(w, r, all, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tVERSION\tLOADED AT\tTENANTS\tROUTES\tPOOLS\tSCRIPTS\tLAST ERROR")
		for _, i := range all {
			failed := ""
			if i.LastError != nil {
				failed = i.LastError.Error
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%d\t%d\t%s\t%s\n", i.Name, i.Version, i.LoadedAt.Format(time.RFC3339),
				i.Counts.Tenants, i.Counts.Routes, i.Counts.Pools, strings.Join(i.Scripts, ","), failed)
		}
		_ = t.Flush()
	})
}

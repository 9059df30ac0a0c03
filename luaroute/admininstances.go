package luaroute

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
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

func (i *instance) info() instanceInfo {
	s := i.state()
	info := instanceInfo{Name: i.name, Version: s.version, LoadedAt: s.loadedAt.UTC(), Scripts: s.scripts}
	if info.Scripts == nil {
		info.Scripts = []string{}
	}
	info.Counts.Tenants, info.Counts.Routes, info.Counts.Pools = s.table.Counts()
	if f := s.failure; f != nil {
		info.LastError = &errorInfo{f.err.Error(), f.cause, f.at.UTC()}
	}
	return info
}

// serveInstances lists the instances that run.
func serveInstances(w http.ResponseWriter, r *http.Request) error {
	all := []instanceInfo{}
	for _, i := range running.all() {
		all = append(all, i.info())
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

package dashboard

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// scriptInfo is a script or a module in the list of the page.
type scriptInfo struct {
	Name     string `json:"name"`
	Lines    int    `json:"lines"`
	Findings int    `json:"findings,omitempty"` // without notes
}

// remark is a finding of a script, as `caddy luaroute check` reports it.
type remark struct {
	Severity lint.Level `json:"severity"`
	Kind     string     `json:"kind"`
	Line     int        `json:"line,omitempty"`
	Column   int        `json:"column,omitempty"`
	Message  string     `json:"message"`
}

// scripts lists the scripts and the modules that they require, as their sources have them now.
func (a *api) scripts(q question) error {
	list := []scriptInfo{}
	read := a.looks.at(q)
	for _, s := range read.scripts {
		n := 0
		for _, f := range remarksOf(read, s.Name) {
			if f.Severity != lint.Note {
				n++
			}
		}
		list = append(list, scriptInfo{s.Name, lines(s.Code), n})
	}
	return q.write(list)
}

// script answers with the text of one.
func (a *api) script(q question) error {
	name := q.r.URL.Query().Get("name")
	read := a.looks.at(q)
	i := slices.IndexFunc(read.scripts, func(s source.Script) bool { return s.Name == name })
	if i < 0 {
		return status(http.StatusNotFound, "no script %q", name)
	}
	return q.write(struct {
		Name     string   `json:"name"`
		Code     string   `json:"code"`
		Findings []remark `json:"findings,omitempty"`
	}{name, conceal(q.text(string(read.scripts[i].Code))), remarksOf(read, name)})
}

// remarksOf returns the findings of one script.
func remarksOf(read *reading, name string) (all []remark) {
	for _, f := range read.found {
		if f.Script == name {
			kind, _ := lint.KindOf(f.Kind)
			all = append(all, remark{kind.Level, f.Kind, f.Line, f.Column, conceal(f.Message)})
		}
	}
	return all
}

func lines(code []byte) int {
	n := 1
	for i := range code {
		if code[i] == '\n' && i < len(code)-1 {
			n++
		}
	}
	return n
}

const (
	// fresh is how long what was read of scripts is shown: a page asks for each script.
	fresh = 2 * time.Second
	// mostCode is how much code is looked at. Tenants may have scripts of strangers.
	mostCode = 1 << 20
)

// known is what scripts can use.
var known = sync.OnceValue(reference.Build)

// reading is what was read of the scripts of an instance.
type reading struct {
	table   *routing.Table
	at      time.Time
	scripts []source.Script
	found   []lint.Finding
}

// looks reads scripts and looks for mistakes in them, one instance at a time, and at most once while a reading is fresh.
type looks struct {
	mu  sync.Mutex
	all map[string]*reading
}

// at returns what the scripts of an instance are now.
func (l *looks) at(q question) *reading {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := q.Inspect()
	if last := l.all[in.Name]; last != nil && last.table == in.Table && time.Since(last.at) < fresh {
		return last
	}
	r := read(q, &in)
	for name := range l.all {
		if instance.Get(name) == nil {
			delete(l.all, name)
		}
	}
	l.all[in.Name] = r
	return r
}

func read(q question, in *instance.Inspection) *reading {
	r := &reading{table: in.Table, scripts: findings.Scripts(q.r.Context(), in), at: time.Now()}
	size := 0
	for _, s := range r.scripts {
		size += len(s.Code)
	}
	if size > mostCode {
		return r
	}
	if found, err := findings.In(q.r.Context(), in, known()); err == nil { // else the page shows the error of the last reload
		r.found = found.Findings
	}
	r.at = time.Now()
	return r
}

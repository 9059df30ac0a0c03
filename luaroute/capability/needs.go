package capability

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
)

// Needs is what the scripts of a tenant use without being allowed to, as a survey finds it: a load in which nothing is refused.
type Needs struct {
	mu    sync.Mutex
	lines map[string][]string
}

// Survey returns a Set that refuses nothing that could be allowed, and notes it.
func (s *Set) Survey() (*Set, *Needs) {
	n := &Needs{lines: map[string][]string{}}
	survey := *s
	survey.needs = n
	return &survey, n
}

// note notes what a Refusal says is missing, and reports whether err is one.
func (n *Needs) note(err error) bool {
	var r *Refusal
	var d *dial.Refusal
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case errors.As(err, &r):
		n.add(r.Key, append(slices.Clone(r.Has), r.Word))
	case errors.As(err, &d):
		n.add("upstreams", append(d.Policy.Words(), d.Needs))
	default:
		return false
	}
	return true
}

func (n *Needs) add(key string, words []string) {
	if key == "health_checks" {
		n.lines[key] = words[len(words)-1:]
		return
	}
	for _, word := range words {
		if word != none && word != "" && !slices.Contains(n.lines[key], word) {
			n.lines[key] = append(n.lines[key], word)
		}
	}
	if n.lines[key] == nil {
		n.lines[key] = []string{}
	}
}

// String returns an allow block with the lines that are missing, or nothing if none is.
func (n *Needs) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lines) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("allow {\n")
	for _, key := range slices.Sorted(maps.Keys(n.lines)) {
		fmt.Fprintf(&b, "\t%s\n", strings.TrimSpace(key+" "+strings.Join(n.lines[key], " ")))
	}
	b.WriteString("}")
	return b.String()
}

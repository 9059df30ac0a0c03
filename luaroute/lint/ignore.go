package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// ignore is a comment that has findings left out: those of its line, or of the next one if nothing else stands on its own.
type ignore struct {
	script string
	at     syntax.Pos
	line   int
	kinds  []string // of findings; none for all
	used   map[string]bool
}

// ignoring is the comment: -- luaroute: ignore unknown-field, global
var ignoring = regexp.MustCompile(`^--\s*luaroute:\s*ignore\b[\s:]*([a-z, -]*)`)

// ignoresOf returns the comments of a script that have findings ignored.
func ignoresOf(f *file, comments []syntax.Comment) (all []*ignore) {
	for _, c := range comments {
		m := ignoring.FindStringSubmatch(c.Text)
		if m == nil {
			continue
		}
		i := &ignore{script: f.name, at: c.Start, line: c.Start.Line, used: map[string]bool{}}
		i.kinds = strings.FieldsFunc(strings.SplitN(m[1], "--", 2)[0], func(r rune) bool { return r == ',' || r == ' ' })
		if strings.TrimSpace(f.lines[c.Start.Line-1][:c.Start.Column-1]) == "" {
			i.line++
		}
		all = append(all, i)
	}
	return all
}

// takes reports whether a finding is ignored. One without which nothing works must be named.
func (i *ignore) takes(f Finding) bool {
	if i.script != f.Script || i.line != f.Line {
		return false
	}
	if kind, _ := KindOf(f.Kind); !slices.Contains(i.kinds, f.Kind) && (len(i.kinds) > 0 || kind.Level == Error) {
		return false
	}
	i.used[f.Kind] = true
	return true
}

// Ignores reports whether a comment has a finding of somebody else ignored, which is then used.
func (s *Scripts) Ignores(f Finding) bool {
	return slices.ContainsFunc(s.ignores, func(i *ignore) bool { return i.takes(f) })
}

// unignored returns the findings that no comment has ignored, and those about comments that have nothing to ignore.
func (s *Scripts) unignored(all []Finding) []Finding {
	all = slices.DeleteFunc(all, s.Ignores)
	for _, i := range s.ignores {
		if len(i.kinds) == 0 && len(i.used) == 0 {
			all = append(all, i.unused("there is nothing to ignore"))
		}
		for _, kind := range i.kinds {
			if _, ok := KindOf(kind); !ok {
				var names []string
				for _, k := range Kinds {
					names = append(names, k.Name)
				}
				all = append(all, i.unused(fmt.Sprintf("there is no kind of findings %q%s", kind, spelling.Hint(kind, names))))
			} else if !i.used[kind] {
				all = append(all, i.unused(fmt.Sprintf("there is no %s to ignore", kind)))
			}
		}
	}
	return all
}

func (i *ignore) unused(message string) Finding {
	return Finding{"unused-ignore", i.script, i.at.Line, i.at.Column, message}
}

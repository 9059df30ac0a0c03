// Package coverage counts which lines of scripts run. Its Step is for vm.Options:
//
//	var counter coverage.Counter
//	options.Step = counter.Step
//	… scripts run …
//	for _, s := range counter.Scripts() { fmt.Println(s.Name, s.Run(), len(s.Lines)) }
package coverage

import (
	"maps"
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Counter counts. Any number of virtual machines may call its Step.
type Counter struct {
	mu sync.Mutex
	// functions are how often the instructions of functions have run; mains are those that are whole scripts.
	functions map[*lua.FunctionProto][]int
	mains     []*lua.FunctionProto
}

// Step counts the instruction that a thread is about to run.
func (c *Counter) Step(L *lua.LState) {
	f := gopher.Running(L)
	if f == nil || f.Fn.IsG || f.Pc == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	proto := f.Fn.Proto
	counts := c.functions[proto]
	if counts == nil {
		counts = c.begin(proto)
	}
	counts[f.Pc-1]++
}

func (c *Counter) begin(proto *lua.FunctionProto) []int {
	if c.functions == nil {
		c.functions = map[*lua.FunctionProto][]int{}
	}
	c.functions[proto] = make([]int, len(proto.Code))
	if proto.LineDefined == 0 && !strings.HasPrefix(proto.SourceName, "[string ") { // no text that a script has loaded
		c.mains = append(c.mains, proto)
	}
	return c.functions[proto]
}

// Script is a script of which something has run.
type Script struct {
	Name string
	// Lines are those with code, in order.
	Lines []Line
}

// Line is a line, and how often it has run.
type Line struct{ Number, Count int }

// Run returns how many of the lines have run.
func (s *Script) Run() (lines int) {
	for _, line := range s.Lines {
		if line.Count > 0 {
			lines++
		}
	}
	return lines
}

// Scripts returns the scripts and modules that were loaded, by name. One that was loaded several times counts as one.
func (c *Counter) Scripts() (all []Script) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := map[string]map[int]int{}
	for _, main := range c.mains {
		if lines[main.SourceName] == nil {
			lines[main.SourceName] = map[int]int{}
		}
		one := map[int]int{}
		c.count(main, one)
		for line, n := range one {
			lines[main.SourceName][line] += n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		s := Script{Name: name}
		for _, line := range slices.Sorted(maps.Keys(lines[name])) {
			s.Lines = append(s.Lines, Line{line, lines[name][line]})
		}
		all = append(all, s)
	}
	return all
}

// count adds the lines of a function, and of those in it. A line has run as often as the instruction of it that has run most.
func (c *Counter) count(proto *lua.FunctionProto, lines map[int]int) {
	counts := c.functions[proto]
	for pc := range reachable(proto) {
		line, n := proto.DbgSourcePositions[pc], 0
		if counts != nil {
			n = max(counts[pc], counts[leader(proto, pc)])
		}
		lines[line] = max(lines[line], n)
	}
	for _, inner := range proto.FunctionPrototypes {
		c.count(inner, lines)
	}
}

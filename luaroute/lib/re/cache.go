package re

import (
	"container/list"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// maxKept and maxKeptSize are how many programs a cache keeps, and their total size in bytes.
	maxKept, maxKeptSize = 500, 8 << 20
	// patternSteps is the cost of compiling one byte of a pattern, in steps.
	patternSteps = 20
)

// cache keeps the most recently used programs. The states of an image share one.
type cache struct {
	mutex    sync.Mutex
	programs map[string]*list.Element
	order    list.List // of *kept, the one used last in front
	size     int
}

// kept is a program in a cache.
type kept struct {
	text    string
	program *program
}

// pattern is a pattern with the cache of its program. Scripts may hold many of them, since unused programs are dropped.
type pattern struct {
	cache *cache
	text  string
}

// program returns the program of a pattern. A malformed pattern raises.
func (p pattern) program(L *lua.LState) *program {
	if found := p.cache.get(p.text); found != nil {
		return found
	}
	vm.Spend(L, patternSteps*len(p.text))
	made, err := compile(p.text)
	if err != nil {
		L.RaiseError("%s", err)
	}
	vm.Spend(L, made.size/bytesPerStep)
	vm.Charge(L, made.size)
	p.cache.put(p.text, made)
	return made
}

func (c *cache) get(text string) *program {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	e, ok := c.programs[text]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept).program
}

func (c *cache) put(text string, p *program) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.programs[text] != nil { // another state was faster
		return
	}
	if c.programs == nil {
		c.programs = map[string]*list.Element{}
	}
	c.programs[text] = c.order.PushFront(&kept{text, p})
	c.size += p.size
	for c.order.Len() > maxKept || c.size > maxKeptSize {
		last := c.order.Remove(c.order.Back()).(*kept)
		delete(c.programs, last.text)
		c.size -= last.program.size
	}
}

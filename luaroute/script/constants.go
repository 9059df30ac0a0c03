package script

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

const (
	// maxCompares is how many comparisons the compiler may make to find constants in a script: some seconds.
	maxCompares = 1 << 30
	// maxLoadedCompares is the same for a text that a script loads: some milliseconds.
	maxLoadedCompares = 1 << 21
)

// constants counts what it takes to compile the constants of a function: texts, numbers and names. gopher-lua goes over those
// before it for each, so a list of 50,000 texts takes seconds, and one of 250,000 minutes.
type constants struct {
	places map[string]int
	left   *int // comparisons, of the whole script
	most   int
}

func newConstants(most int) constants {
	left := most
	return constants{map[string]int{}, &left, most}
}

// inner returns the constants of a function in the function.
func (c constants) inner() constants { return constants{map[string]int{}, c.left, c.most} }

// use notes a constant. A number is taken as it is written.
func (c constants) use(at ast.PositionHolder, value string) {
	place, ok := c.places[value]
	if !ok {
		place = len(c.places)
		c.places[value] = place
	}
	if *c.left -= place; *c.left < 0 {
		panic(&placeError{at.Line(), fmt.Sprintf("one function has too many different texts, numbers and names, "+
			"%d up to here; divide them among several functions", len(c.places))})
	}
}

package re

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

const (
	// maxPattern is the size of the largest pattern, in bytes. Parsing the worst of this size takes 50 ms.
	maxPattern = 2 << 10
	// maxGroups is how many groups a pattern may have. Each makes every step of a search longer.
	maxGroups = 100
	// maxProgram is the size of the largest compiled pattern, in bytes.
	maxProgram = 2 << 20
	// instructionSize is the memory of an instruction, with that of the search, in bytes. A class takes
	// rangeSize more for each end of its ranges, and a search groupSize for each group at each instruction.
	instructionSize, rangeSize, groupSize = 128, 8, 16
)

// program is a compiled pattern.
type program struct {
	re *regexp.Regexp
	// names are those of the groups, from 1 on; "" for none.
	names []string
	// literal begins every match. It is empty where a match depends on what is before it.
	literal string
	// behind searches from the second character of a string, but sees the first. It is nil where a match does not
	// depend on what is before it.
	behind *regexp.Regexp
	// cost is how many instructions one character may take; with many groups they count more.
	cost int
	// size is the memory of the program, in bytes.
	size int
}

// compile compiles a pattern.
func compile(text string) (*program, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("the pattern has %d bytes; allowed are %d", len(text), maxPattern)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, malformed(text, err)
	}
	if n := tree.MaxCap(); n > maxGroups {
		return nil, fmt.Errorf("the pattern %q has %d groups; allowed are %d", text, n, maxGroups)
	}
	instructions, size := weigh(tree)
	if size += instructions * tree.MaxCap() * groupSize; size > maxProgram {
		return nil, fmt.Errorf("the pattern %q would take %d bytes; allowed are %d", text, size, maxProgram)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, malformed(text, err)
	}
	p := &program{re: re, names: re.SubexpNames()[1:], cost: max(1, instructions*(8+re.NumSubexp())/8), size: size}
	if !looksBehind(tree) {
		p.literal, _ = re.LiteralPrefix()
		return p, nil
	}
	p.size *= 2
	if p.behind, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + tree.String() + `)`); err != nil {
		return nil, malformed(text, err)
	}
	return p, nil
}

// malformed returns an error about a pattern.
func malformed(text string, err error) error {
	reason := err.Error()
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		reason = wrong.Code.String()
		if wrong.Expr != "" && wrong.Expr != text {
			reason += fmt.Sprintf(" %q", wrong.Expr)
		}
	}
	return fmt.Errorf("the pattern %q is malformed: %s", text, reason)
}

// weigh returns how many instructions an expression becomes, and their size in bytes. It counts before anything is
// compiled, because a pattern of 20 bytes may become many megabytes.
func weigh(re *syntax.Regexp) (instructions, size int) {
	instructions, size = 1, instructionSize
	for _, sub := range re.Sub {
		n, bytes := weigh(sub)
		instructions, size = instructions+n, size+bytes
	}
	times := 1
	switch re.Op {
	case syntax.OpLiteral:
		times = len(re.Rune)
	case syntax.OpCharClass:
		size += len(re.Rune) * rangeSize
	case syntax.OpRepeat:
		times = max(re.Min+1, re.Max)
	}
	return instructions * times, size * times
}

// looksBehind reports whether an expression depends on what precedes a match: the beginning of the string, of a line or of a word.
func looksBehind(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	for _, sub := range re.Sub {
		if looksBehind(sub) {
			return true
		}
	}
	return false
}

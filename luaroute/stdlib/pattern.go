package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// maxCaptures is how many captures a pattern may have, as in Lua 5.1.
	maxCaptures = 32
	// maxPatternDepth is how many items of a pattern may wait for one another. Each takes a piece of the Go stack.
	maxPatternDepth = 200
	// patternBatch is how many steps of matching are counted at a time. A step is some 10 ns.
	patternBatch = 1000

	captureOpen     = -1
	capturePosition = -2
	noMatch         = -1
)

// matcher matches a Lua pattern at one place of a string. It backtracks without limit, so every step is
// counted in the budget.
type matcher struct {
	L        *lua.LState
	src, pat string
	level    int // captures that are begun or finished
	captures [maxCaptures]capture
	depth    int
	steps    int
}

// capture is a part of the string. Its length may be captureOpen or capturePosition.
type capture struct{ start, length int }

func (m *matcher) step() {
	if m.steps++; m.steps >= patternBatch {
		m.count()
	}
}

// count counts the steps since the last time.
func (m *matcher) count() {
	if n := m.steps / 4; n > 0 {
		m.steps = 0
		vm.Spend(m.L, n)
	}
}

// anchor removes the ^ from a pattern, and reports whether there was one.
func (m *matcher) anchor() (anchored bool) {
	m.pat, anchored = strings.CutPrefix(m.pat, "^")
	return anchored
}

// search returns the first match that begins at a place or after it; the end is noMatch if there is none.
func (m *matcher) search(at int, anchored bool) (start, end int) {
	first, literal := m.literal()
	for ; at <= len(m.src); at++ {
		if literal && !anchored {
			skipped := strings.IndexByte(m.src[at:], first)
			if skipped < 0 {
				m.steps += (len(m.src) - at) / 16
				break
			}
			m.steps += skipped / 16
			at += skipped
		}
		m.level = 0
		if end := m.match(at, 0); end != noMatch {
			return at, end
		}
		if anchored {
			break
		}
	}
	return 0, noMatch
}

// literal returns the character that every match begins with, if the pattern begins with one.
func (m *matcher) literal() (c byte, ok bool) {
	if m.pat == "" || strings.IndexByte("()[.%$", m.pat[0]) >= 0 {
		return 0, false
	}
	if len(m.pat) > 1 && strings.IndexByte("*?-", m.pat[1]) >= 0 {
		return 0, false
	}
	return m.pat[0], true
}

// match matches the pattern from p on with the string from s on. It returns the end of the match.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxPatternDepth {
		m.L.RaiseError("pattern too complex: more than %d items wait for one another", maxPatternDepth)
	}
	end := m.items(s, p)
	m.depth--
	return end
}

// items matches one item after the other.
func (m *matcher) items(s, p int) int {
	for p < len(m.pat) {
		m.step()
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(s, p+2, capturePosition)
			}
			return m.open(s, p+1, captureOpen)
		case ')':
			return m.close(s, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return noMatch
			}
		case '%':
			if end, next, ok := m.escaped(s, p); ok {
				if end == noMatch {
					return noMatch
				}
				s, p = end, next
				continue
			}
		}
		end := m.classEnd(p)
		suffix := byte(0)
		if end < len(m.pat) {
			suffix = m.pat[end]
		}
		switch suffix {
		case '?':
			if s < len(m.src) && m.single(s, p, end) {
				if r := m.match(s+1, end+1); r != noMatch {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.longest(s, p, end, 0)
		case '+':
			return m.longest(s, p, end, 1)
		case '-':
			return m.shortest(s, p, end)
		default:
			if s >= len(m.src) || !m.single(s, p, end) {
				return noMatch
			}
			s, p = s+1, end
		}
	}
	return s
}

// escaped matches the item at a percent sign if that is %b, %f or a capture. It returns where what matches ends, or noMatch, and the next item.
func (m *matcher) escaped(s, p int) (end, next int, ok bool) {
	if p+1 == len(m.pat) {
		return 0, 0, false
	}
	switch c := m.pat[p+1]; {
	case c == 'b':
		return m.balanced(s, p+2), p + 4, true
	case c == 'f':
		next, found := m.frontier(s, p+2)
		if !found {
			return noMatch, 0, true
		}
		return s, next, true
	case c >= '0' && c <= '9':
		return m.back(s, c), p + 2, true
	}
	return 0, 0, false
}

// longest takes as many characters as it can, and backtracks one by one.
func (m *matcher) longest(s, p, end, least int) int {
	n := 0
	for s+n < len(m.src) && m.single(s+n, p, end) {
		m.step()
		n++
	}
	for ; n >= least; n-- {
		if r := m.match(s+n, end+1); r != noMatch {
			return r
		}
	}
	return noMatch
}

// shortest takes as few characters as it can.
func (m *matcher) shortest(s, p, end int) int {
	for {
		if r := m.match(s, end+1); r != noMatch {
			return r
		}
		if s >= len(m.src) || !m.single(s, p, end) {
			return noMatch
		}
		s++
	}
}

func (m *matcher) open(s, p, length int) int {
	if m.level >= maxCaptures {
		m.L.RaiseError("too many captures")
	}
	m.captures[m.level] = capture{s, length}
	m.level++
	r := m.match(s, p)
	if r == noMatch {
		m.level--
	}
	return r
}

func (m *matcher) close(s, p int) int {
	i := m.level - 1
	for ; i >= 0 && m.captures[i].length != captureOpen; i-- {
	}
	if i < 0 {
		m.L.RaiseError("invalid pattern capture")
	}
	m.captures[i].length = s - m.captures[i].start
	r := m.match(s, p)
	if r == noMatch {
		m.captures[i].length = captureOpen
	}
	return r
}

// back matches the string of an earlier capture.
func (m *matcher) back(s int, digit byte) int {
	i := int(digit - '1')
	if digit == '0' || i >= m.level || m.captures[i].length == captureOpen {
		m.L.RaiseError("invalid capture index")
	}
	if m.captures[i].length == capturePosition {
		return noMatch // a position is no string
	}
	text := m.text(i)
	m.steps += len(text) / 8
	if strings.HasPrefix(m.src[s:], text) {
		return s + len(text)
	}
	return noMatch
}

func (m *matcher) text(i int) string {
	c := m.captures[i]
	if c.length < 0 {
		return ""
	}
	return m.src[c.start : c.start+c.length]
}

// balanced matches %bxy.
func (m *matcher) balanced(s, p int) int {
	if p+1 >= len(m.pat) {
		m.L.RaiseError("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return noMatch
	}
	depth := 1
	for i := s + 1; i < len(m.src); i++ {
		m.step()
		switch m.src[i] {
		case m.pat[p+1]:
			if depth--; depth == 0 {
				return i + 1
			}
		case m.pat[p]:
			depth++
		}
	}
	return noMatch
}

// frontier matches %f[set]: the place where the set begins.
func (m *matcher) frontier(s, p int) (end int, ok bool) {
	if p >= len(m.pat) || m.pat[p] != '[' {
		m.L.RaiseError("%s", "missing '[' after '%f' in pattern")
	}
	end = m.classEnd(p)
	before, after := byte(0), byte(0)
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		after = m.src[s]
	}
	return end, !m.inSet(before, p, end-1) && m.inSet(after, p, end-1)
}

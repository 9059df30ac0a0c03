package pathmux

import (
	"slices"
	"strings"
)

// shape is the common form of patterns that match the same paths.
type shape struct {
	// Serves are the methods that the shape answers for certain, so that it passes none of them on; nil when it
	// may decline any.
	Serves *Cover
	// Wants are all methods the shape has routes for.
	Wants Cover

	// pattern is the first one written for the shape, as chi gets it, with the tokens of forChi.
	pattern string
	tokens  []token
	key     string
	level   int32
	// sort is compared bytewise to find which of two shapes chi tries first.
	sort string
}

// setLevels finds the level of each shape: one more than that of every shape which chi tries before it, which may
// match the same path, and which may pass the request on. Where two shapes overlap is found by segments, and may
// find too many: that costs a level, never a route. It returns the order in which chi tries them.
func setLevels(shapes []*shape) (order []int) {
	setSortKeys(shapes)
	order = make([]int, len(shapes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(shapes[a].sort, shapes[b].sort) })
	tree := &levelTree{}
	for _, i := range order {
		s := shapes[i]
		segments := splitSegments(s)
		search := levelSearch{tree: tree, shape: s, budget: levelBudget}
		s.level = search.above(&tree.root, segments, true)
		tree.add(segments, s)
	}
	return order
}

// sibling is a parameter or regexp node of chi's tree.
type sibling struct {
	kind tokenKind
	expr string
}

// siblings are those below one node, of one kind, in the order in which chi gets them: by rank, then as written.
type siblings struct {
	list  []rankedSibling
	known map[sibling]int
}

type rankedSibling struct {
	sibling
	rank rank
}

// add notes a sibling, unless it is known.
func (g *siblings) add(s sibling, t token) {
	if _, known := g.known[s]; known || len(g.list) == 1 && g.list[0].sibling == s {
		return
	}
	if len(g.list) == 1 {
		g.known = map[sibling]int{g.list[0].sibling: 0}
	}
	if g.known != nil {
		g.known[s] = 0
	}
	g.list = append(g.list, rankedSibling{s, rankOf(t)})
}

// settle finds the positions.
func (g *siblings) settle() {
	if g.known == nil {
		return
	}
	slices.SortStableFunc(g.list, func(a, b rankedSibling) int { return a.rank.compare(b.rank) })
	for i, s := range g.list {
		g.known[s.sibling] = i
	}
}

// position is where a sibling stands.
func (g *siblings) position(s sibling) int { return g.known[s] }

// Marks in a sort key. No byte of valid UTF-8 is as high, so text always comes first.
const (
	regexpMark   = "\xfb"
	paramMark    = "\xfc"
	catchAllMark = "\xfd"
)

// setSortKeys writes the sort key of each shape: its text, and for each parameter its kind and its position among
// its siblings.
func setSortKeys(shapes []*shape) {
	groups := map[string]*siblings{}
	for _, s := range shapes {
		eachNode(s, func(node string, sib sibling, t token) {
			g := groups[node]
			if g == nil {
				g = &siblings{}
				groups[node] = g
			}
			g.add(sib, t)
		})
	}
	for _, g := range groups {
		g.settle()
	}
	var key []byte
	for _, s := range shapes {
		if len(s.tokens) == 1 {
			s.sort = s.key
			continue
		}
		key = key[:0]
		positions := positionsOf(s, groups)
		for i, t := range s.tokens {
			switch t.kind {
			case staticToken:
				key = append(key, t.text...)
			case catchAllToken:
				key = append(key, catchAllMark...)
			default:
				mark := paramMark
				if t.kind == regexpToken {
					mark = regexpMark
				}
				key = append(key, mark...)
				at := positions[0]
				positions = positions[1:]
				key = append(key, byte(at>>16), byte(at>>8), byte(at))
				if t.kind == regexpToken && i > 0 && !strings.HasSuffix(s.tokens[i-1].text, "/") {
					s.Serves = nil // it may be stray
				}
			}
		}
		s.sort = string(key)
	}
}

// eachNode calls f for each parameter of the shape with the name of the list of siblings it is in.
func eachNode(s *shape, f func(node string, sib sibling, t token)) {
	if len(s.tokens) == 1 {
		return
	}
	at := 0
	for _, t := range s.tokens {
		switch t.kind {
		case staticToken:
			at += len(t.text)
		case paramToken:
			f(s.key[:at]+paramMark, sibling{t.kind, ""}, t)
			at += len("{}")
		case regexpToken:
			f(s.key[:at]+regexpMark, sibling{t.kind, t.text}, t)
			at += len("{:}") + len(t.text)
		}
	}
}

// positionsOf returns where the parameters of a shape stand among their siblings.
func positionsOf(s *shape, groups map[string]*siblings) (out []int) {
	eachNode(s, func(node string, sib sibling, _ token) { out = append(out, groups[node].position(sib)) })
	return out
}

package chiproxy

import (
	"slices"
	"strings"
)

// leveled is a shape whose level is to be found.
type leveled struct {
	tokens []token
	key    string
	// serves are the methods that the shape answers for certain, so that it passes none of them on; nil when it
	// may decline any.
	serves *methodCover
	// wants are all methods the shape has routes for.
	wants methodCover
	level int32
	// sort is compared bytewise to find which of two shapes chi tries first.
	sort string
}

// setLevels finds the level of each shape: one more than that of every shape which chi tries before it, which may
// match the same path, and which may pass the request on. Where two shapes overlap is found by
// segments, and rather too often than too seldom: that costs a level and never a route.
func setLevels(shapes []*leveled) {
	setSortKeys(shapes)
	ordered := slices.Clone(shapes)
	slices.SortFunc(ordered, func(a, b *leveled) int { return strings.Compare(a.sort, b.sort) })
	tree := &levelTree{}
	for _, s := range ordered {
		segments := splitSegments(s)
		search := levelSearch{tree: tree, shape: s, budget: levelBudget}
		s.level = search.above(&tree.root, segments, true)
		tree.add(segments, s)
	}
}

// sibling is a parameter or regexp node of chi's tree.
type sibling struct {
	kind tokenKind
	tail byte
	expr string
}

// siblings are those below one node, of one kind, in the order chi walks them.
type siblings struct {
	list  []sibling
	known map[sibling]int
	// mixed says that some end at a slash and some do not. chi's order of them depends on which others
	// there are, so a level mux may have another than the mux of all.
	mixed bool
}

// add does what chi does to its list: it appends, and moves the last one whose tail is a slash to the end.
func (g *siblings) add(s sibling) {
	if _, known := g.known[s]; known || len(g.list) == 1 && g.list[0] == s {
		return
	}
	g.list = append(g.list, s)
	last := len(g.list) - 1
	if last == 0 {
		return
	}
	if g.known == nil {
		g.known = map[sibling]int{g.list[0]: 0}
	}
	g.known[s] = last
	g.mixed = g.mixed || (s.tail == '/') != (g.list[0].tail == '/')
	// a tail of a slash is at the end already, if there is one
	if before := g.list[last-1]; before.tail == '/' && s.tail != '/' {
		g.list[last-1], g.list[last] = s, before
		g.known[s], g.known[before] = last-1, last
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
func setSortKeys(shapes []*leveled) {
	groups := map[string]*siblings{}
	for _, s := range shapes {
		eachNode(s, func(node string, sib sibling) {
			g := groups[node]
			if g == nil {
				g = &siblings{}
				groups[node] = g
			}
			g.add(sib)
		})
	}
	var key []byte
	for _, s := range shapes {
		if len(s.tokens) == 1 {
			s.sort = s.key
			continue
		}
		key = key[:0]
		nodes := eachNodeIndex(s, groups)
		n := 0
		for _, t := range s.tokens {
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
				i := nodes[n].position
				key = append(key, byte(i>>16), byte(i>>8), byte(i))
				if nodes[n].mixed || t.kind == regexpToken && t.tail != '/' {
					s.serves = nil
				}
				n++
			}
		}
		s.sort = string(key)
	}
}

// eachNode calls f for each parameter of the shape with the name of the list of siblings it is in.
func eachNode(s *leveled, f func(node string, sib sibling)) {
	if len(s.tokens) == 1 {
		return
	}
	at := 0
	for _, t := range s.tokens {
		switch t.kind {
		case staticToken:
			at += len(t.text)
		case paramToken:
			f(s.key[:at]+paramMark, sibling{t.kind, t.tail, ""})
			at += len("{}")
		case regexpToken:
			f(s.key[:at]+regexpMark, sibling{t.kind, t.tail, t.text})
			at += len("{:}") + len(t.text)
		}
	}
}

// nodeIndex is where a parameter stands among its siblings.
type nodeIndex struct {
	position int
	mixed    bool
}

func eachNodeIndex(s *leveled, groups map[string]*siblings) []nodeIndex {
	var out []nodeIndex
	eachNode(s, func(node string, sib sibling) {
		g := groups[node]
		out = append(out, nodeIndex{g.position(sib), g.mixed})
	})
	return out
}

package pathmux

import "strings"

// levelBudget bounds the nodes that are looked at to find the level of one shape. Beyond it, a whole subtree counts as
// overlapping.
const levelBudget = 512

// segment is what stands between two slashes of a shape.
type segment struct {
	// text is the segment as in the shape's key.
	text string
	// before and after are the static text at its ends, if it has parameters.
	before, after string
	kind          segmentKind
	// stray says that chi finds the segment by the text before its parameter alone, without asking the expression.
	stray bool
}

type segmentKind uint8

const (
	plainSegment segmentKind = iota
	// wildSegment has a parameter.
	wildSegment
	// spanSegment may match more than one segment: the catch-all.
	spanSegment
)

// splitSegments splits a shape at its slashes. A span is the last segment, whatever comes after it.
func splitSegments(s *shape) []segment {
	var out []segment
	if len(s.tokens) == 1 {
		for text := range strings.SplitSeq(s.key[1:], "/") {
			out = append(out, segment{text: text})
		}
		return out
	}
	var cur segment
	start, at := 1, 0
	for _, t := range s.tokens {
		switch t.kind {
		case staticToken:
			for i := range len(t.text) {
				if t.text[i] != '/' || at+i == 0 {
					continue
				}
				cur.text = s.key[start : at+i]
				out = append(out, cur)
				cur, start = segment{}, at+i+1
			}
			at += len(t.text)
			continue
		case paramToken:
			cur.wild(s.key[start:at], wildSegment)
			at += len("{}")
		case regexpToken:
			cur.wild(s.key[start:at], wildSegment)
			cur.after, cur.stray = t.suffix(), cur.before != ""
			at += len("{:}") + len(t.text)
		case catchAllToken:
			cur.wild(s.key[start:at], spanSegment)
			at++
		}
		if cur.kind == spanSegment {
			cur.text = s.key[start:at]
			return append(out, cur)
		}
	}
	cur.text = s.key[start:]
	return append(out, cur)
}

// wild notes a parameter behind the text given.
func (g *segment) wild(before string, kind segmentKind) {
	if g.kind == plainSegment {
		g.before = before
	}
	g.kind = kind
}

// meets reports whether chi may find both segments by one text, and one of them matches it.
func (g segment) meets(h segment) bool {
	if g.kind == plainSegment && h.kind == plainSegment {
		return g.text == h.text
	}
	if h.kind == plainSegment {
		g, h = h, g
	}
	if g.kind == plainSegment {
		return h.hasText(g.text) || h.stray && g.text == h.before
	}
	if g.stray && h.hasText(g.before) || h.stray && g.hasText(h.before) { // of two that stray, neither matches
		return true
	}
	return (strings.HasPrefix(g.before, h.before) || strings.HasPrefix(h.before, g.before)) &&
		(g.kind == spanSegment || h.kind == spanSegment ||
			strings.HasSuffix(g.after, h.after) || strings.HasSuffix(h.after, g.after))
}

// hasText reports whether a segment with a parameter may match a text.
func (g segment) hasText(s string) bool {
	return strings.HasPrefix(s, g.before) && strings.HasSuffix(s, g.after)
}

// levelTree holds shapes by segment, to find those that may match one path with another. Shapes are added in the
// order of their sort keys, so that what shares a beginning was added in one row.
type levelTree struct {
	root levelNode
	// covers are what the shapes serve, numbered. Number 0 stands for nothing certain.
	covers []*Cover
}

type levelNode struct {
	plain map[string]*levelNode
	// texts are the keys of plain as they were added.
	texts []string
	wild  []levelEdge
	// byBefore finds the edges of wild by the text before their first parameter, once there are many.
	byBefore map[string][]levelEdge
	// here are the highest levels of the shapes that end here; of plainSub and wildSub, of those below.
	here, plainSub, wildSub levelMarks
}

type levelEdge struct {
	segment
	node *levelNode
}

// levelMarks are the highest levels found, by the number of what the shape serves.
type levelMarks []levelMark

type levelMark struct {
	cover int
	level int32
}

func (m *levelMarks) put(cover int, level int32) {
	for i := range *m {
		if (*m)[i].cover == cover {
			(*m)[i].level = max((*m)[i].level, level)
			return
		}
	}
	*m = append(*m, levelMark{cover, level})
}

// add puts a shape into the tree.
func (t *levelTree) add(segments []segment, s *shape) {
	cover := t.cover(s.Serves)
	n := &t.root
	for _, g := range segments {
		if g.kind == plainSegment {
			n.plainSub.put(cover, s.level)
		} else {
			n.wildSub.put(cover, s.level)
		}
		n = n.child(g)
	}
	n.here.put(cover, s.level)
}

// maxCovers bounds the different sets of methods that are told apart.
const maxCovers = 16

// cover numbers what a shape serves.
func (t *levelTree) cover(c *Cover) int {
	if c == nil {
		return 0
	}
	for i, known := range t.covers {
		if known.equal(c) {
			return i + 1
		}
	}
	if len(t.covers) == maxCovers {
		return 0
	}
	t.covers = append(t.covers, c)
	return len(t.covers)
}

// fewEdges is how many edges are searched one by one.
const fewEdges = 16

// child returns the node behind a segment, a new one if need be.
func (n *levelNode) child(g segment) *levelNode {
	if g.kind == plainSegment {
		c := n.plain[g.text]
		if c == nil {
			if n.plain == nil {
				n.plain = map[string]*levelNode{}
			}
			c = &levelNode{}
			n.plain[g.text] = c
			n.texts = append(n.texts, g.text)
		}
		return c
	}
	// shapes come in order, so an edge that exists is the last one, or is another for the same text, which does no harm
	if last := len(n.wild) - 1; last >= 0 && n.wild[last].text == g.text && n.wild[last].kind == g.kind {
		return n.wild[last].node
	}
	e := levelEdge{g, &levelNode{}}
	n.wild = append(n.wild, e)
	switch {
	case n.byBefore != nil:
		n.byBefore[g.before] = append(n.byBefore[g.before], e)
	case len(n.wild) > fewEdges:
		n.byBefore = map[string][]levelEdge{}
		for _, e := range n.wild {
			n.byBefore[e.before] = append(n.byBefore[e.before], e)
		}
	}
	return e.node
}

// over is the level above some marks: one more where the shape may pass a method of s on.
func (t *levelTree) over(marks levelMarks, s *shape) (level int32) {
	for _, m := range marks {
		l := m.level
		if m.cover == 0 || !t.covers[m.cover-1].tells(&s.Wants) {
			l++
		}
		level = max(level, l)
	}
	return level
}

// overAll is the level above everything at and below a node.
func (t *levelTree) overAll(n *levelNode, s *shape) int32 {
	return max(t.over(n.here, s), t.over(n.plainSub, s), t.over(n.wildSub, s))
}

package pathmux

import "strings"

// levelSearch finds the level of one shape among those that are in the tree.
type levelSearch struct {
	tree  *levelTree
	shape *shape
	// budget bounds the nodes that are looked at aside from the shape's own path.
	budget int
}

// above returns the lowest level that is high enough, given what is at n and below. own says that n is on
// the path where the shape itself will be.
func (q *levelSearch) above(n *levelNode, rest []segment, own bool) (level int32) {
	if !own {
		if q.budget--; q.budget < 0 {
			return q.tree.overAll(n, q.shape)
		}
	}
	if len(rest) == 0 {
		return q.tree.over(n.here, q.shape)
	}
	g := rest[0]
	if edges, ok := n.edgesMeeting(g, own, q.budget); ok {
		for _, e := range edges {
			level = max(level, q.across(e, g, rest, own))
		}
	} else {
		level = q.tree.over(n.wildSub, q.shape)
	}
	return max(level, q.abovePlain(n, g, rest, own))
}

// across is the level above what is behind an edge.
func (q *levelSearch) across(e levelEdge, g segment, rest []segment, own bool) int32 {
	switch {
	case e.kind == spanSegment:
		return q.tree.over(e.node.here, q.shape)
	case g.kind == spanSegment:
		return q.tree.overAll(e.node, q.shape)
	}
	return q.above(e.node, rest[1:], own && e.text == g.text)
}

// abovePlain is the level above what is behind plain segments.
func (q *levelSearch) abovePlain(n *levelNode, g segment, rest []segment, own bool) (level int32) {
	if g.kind == plainSegment {
		if c := n.plain[g.text]; c != nil {
			return q.above(c, rest[1:], own)
		}
		return 0
	}
	texts, ok := n.textsMeeting(g, own, q.budget)
	if !ok {
		return q.tree.over(n.plainSub, q.shape)
	}
	for _, text := range texts {
		c := n.plain[text]
		if g.kind == spanSegment {
			level = max(level, q.tree.overAll(c, q.shape))
		} else {
			level = max(level, q.above(c, rest[1:], false))
		}
	}
	return level
}

// edgesMeeting returns the edges that may match one text with g, or false if that are more than limit.
func (n *levelNode) edgesMeeting(g segment, own bool, limit int) ([]levelEdge, bool) {
	var out []levelEdge
	keep := func(edges []levelEdge) {
		for _, e := range edges {
			if e.meets(g) {
				out = append(out, e)
			}
		}
	}
	if len(n.wild) <= fewEdges {
		keep(n.wild)
		return out, true
	}
	text := g.text
	if g.kind != plainSegment {
		text = g.before
	}
	for i := range len(text) + 1 {
		edges := n.byBefore[text[:i]]
		if len(edges) > limit {
			return nil, false
		}
		keep(edges)
	}
	if g.kind == plainSegment {
		return out, true
	}
	longer, ok := withPrefix(n.wild, func(e levelEdge) string { return e.before }, g.before, own, limit)
	if !ok {
		return nil, false
	}
	for _, e := range longer {
		if len(e.before) > len(g.before) && e.meets(g) {
			out = append(out, e)
		}
	}
	return out, true
}

// textsMeeting returns the plain segments that may match one text with g, or false if that are more than limit.
func (n *levelNode) textsMeeting(g segment, own bool, limit int) ([]string, bool) {
	found, ok := withPrefix(n.texts, func(s string) string { return s }, g.before, own, limit)
	if !ok {
		return nil, false
	}
	var out []string
	for _, text := range found {
		if g.meets(segment{text: text}) {
			out = append(out, text)
		}
	}
	return out, true
}

// withPrefix returns the part of list that may begin with prefix. On the shape's own path that is the end of the
// list, as shapes are added in order; elsewhere, all of it.
func withPrefix[T any](list []T, text func(T) string, prefix string, own bool, limit int) ([]T, bool) {
	start := 0
	if own && prefix != "" {
		start = len(list)
		for start > 0 && strings.HasPrefix(text(list[start-1]), prefix) {
			start--
		}
	}
	return list[start:], len(list)-start <= limit
}

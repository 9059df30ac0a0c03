package pathmux

// Builder gathers patterns by their shapes: patterns that match the same paths have one shape, whatever the names of their
// parameters are. D is what the caller keeps with each until it builds the mux.
type Builder[D any] struct {
	byKey  map[string]*Shape[D]
	shapes []*Shape[D]
}

// Shape is the common form of patterns that match the same paths. Serves and Wants tell which methods it may pass on to less specific
// shapes: if it passes on none, these need not be found after it.
type Shape[D any] struct {
	shape
	written Pattern
	// Draft is the caller's.
	Draft D
}

// Key is the shape's name: shapes with one key are one.
func (s *Shape[D]) Key() string { return s.key }

// Pattern returns the pattern that the shape was written as first.
func (s *Shape[D]) Pattern() Pattern { return s.written }

// Lead returns the text before the first parameter.
func (s *Shape[D]) Lead() string { return s.tokens[0].text }

// IsStatic reports whether the shape has no parameter and no catch-all.
func (s *Shape[D]) IsStatic() bool { return len(s.tokens) == 1 }

// Shape returns the shape of a pattern, a new one if need be.
func (b *Builder[D]) Shape(p Pattern) *Shape[D] {
	tokens := forChi(p.tokens)
	key := shapeKey(p.text, tokens)
	s := b.byKey[key]
	if s == nil {
		s = &Shape[D]{shape: shape{tokens: tokens, key: key, pattern: chiPattern(p.text, tokens)}, written: p}
		if b.byKey == nil {
			b.byKey = map[string]*Shape[D]{}
		}
		b.byKey[key] = s
		b.shapes = append(b.shapes, s)
	}
	return s
}

// Find returns the shape with a key, or nil.
func (b *Builder[D]) Find(key string) *Shape[D] { return b.byKey[key] }

// Shapes returns the shapes in the order in which they came.
func (b *Builder[D]) Shapes() []*Shape[D] { return b.shapes }

// Build makes the mux of all shapes. fill fills the entry of each; it is called in chi's order. An error is for the shape that was
// filled last.
func Build[D, E any](b *Builder[D], fill func(*Shape[D], *E)) (*Mux[E], error) {
	shapes := make([]*shape, len(b.shapes))
	for i, s := range b.shapes {
		shapes[i] = &s.shape
	}
	m, err := newMux(shapes, func(i int, l *leaf[E]) {
		l.splits = splitsOf(shapes[i].tokens)
		fill(b.shapes[i], &l.entry)
	})
	if err != nil {
		return nil, err
	}
	m.caddy, err = caddyMux(shapes)
	return m, err
}

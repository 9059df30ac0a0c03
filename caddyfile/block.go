package caddyfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// subdirective is one line or block that may stand in a block.
type subdirective struct {
	name  string
	times times
	read  reader
}

// reader stores what a subdirective says. Its helper holds the tokens of that subdirective only and stands on its name.
type reader func(httpcaddyfile.Helper) error

// times says how often a subdirective may be written in its block.
type times int

const (
	once times = iota
	oncePerName
	often
)

// readBlock reads the block that opens on the current line, if there is one.
func readBlock(h httpcaddyfile.Helper, allowed []subdirective) error {
	before := map[string]caddyfile.Token{}
	for nesting := h.Nesting(); h.NextBlock(nesting); {
		segment := nextSegment(h)

		i := slices.IndexFunc(allowed, func(s subdirective) bool { return s.name == segment.Val() })
		if i < 0 {
			return segment.Errf("unknown subdirective %q: expected %s", segment.Val(), names(allowed))
		}
		sub := allowed[i]

		if sub.times != often {
			id := identity(segment, sub.times)
			if first, found := before[id]; found {
				return segment.Errf("%s appears twice; the first is at %s:%d", id, first.File, first.Line)
			}
			before[id] = segment.Token()
		}
		if err := sub.read(segment); err != nil {
			return err
		}
		if segment.Next() {
			return segment.Errf("%s: expected no block", sub.name)
		}
	}
	return nil
}

// nextSegment returns the tokens of a subdirective, standing on its name. Caddy's NextSegment leaves out a block with nothing in it.
func nextSegment(h httpcaddyfile.Helper) httpcaddyfile.Helper {
	tokens := h.NextSegment()
	last, end := tokens[len(tokens)-1], h.Token()
	if end.Text == "}" && (end.Line != last.Line || end.File != last.File || end.Text != last.Text) {
		h.Prev()
		tokens = append(tokens, h.Token(), end)
		h.Next()
	}
	segment := h.WithDispenser(caddyfile.NewDispenser(tokens))
	segment.Next()
	return segment
}

// identity is what may be written only once: a subdirective, or one with its name.
func identity(h httpcaddyfile.Helper, t times) string {
	id := h.Val()
	if t == oncePerName && h.NextArg() {
		id += " " + strconv.Quote(h.Val())
		h.Prev()
	}
	return id
}

// atHead returns h standing on its first token again, for an error about the whole block.
func atHead(h httpcaddyfile.Helper) httpcaddyfile.Helper {
	h.Reset()
	h.Next()
	return h
}

// placed matches an error that names its place, as those of Caddy's parsers do.
var placed = regexp.MustCompile(`, at \S+:\d+`)

// about adds to an error of another parser what it is about and, if it has no place, where that begins.
func about(h httpcaddyfile.Helper, what string, err error) error {
	if placed.MatchString(err.Error()) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return atHead(h).Errf("%s: %w", what, err)
}

// names lists what a block may hold.
func names(allowed []subdirective) string {
	list := make([]string, len(allowed))
	for i, s := range allowed {
		list[i] = s.name
	}
	slices.Sort(list)
	return oneOf(list)
}

// oneOf joins words for an error: a, b or c.
func oneOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

package chiproxy

import (
	"net/url"
	"slices"
	"strings"
)

// reading is a way in which servers read a path otherwise than we do. They differ in each of these, so all combinations of
// those that can tell in a path are readings of it.
type reading uint8

const (
	// slashes takes %2F for a slash.
	slashes reading = 1 << iota
	// backslashes takes a backslash, escaped or not, for a slash.
	backslashes
	// parameters takes what follows a semicolon in a segment off, as servlets do.
	parameters
	// unmerged counts the empty segment of a double slash as one, which a following .. removes.
	unmerged
	// slashless leaves no slash where the last segment is a dot segment.
	slashless
	// textual resolves no dot segment that is escaped, as Go's ServeMux.
	textual

	everyReading = 1<<iota - 1
)

// marks are what a path has in which a reading may tell, by the number of its bit.
var marks = [...]string{"%2F", `\`, ";", "..", ".", literalDot}

// literalDot stands for a dot of a segment like %2e%2e. In the form of routePath, a percent sign has digits behind it.
const literalDot = "%."

// spelledPath is routePath before it is cleaned, in which the dots of escaped dot segments are marked.
func spelledPath(u *url.URL) string {
	p := u.Path
	if u.RawPath == "" && strings.IndexByte(p, '%') < 0 {
		return p
	}
	p = u.EscapedPath()
	if !strings.Contains(p, "%2e") && !strings.Contains(p, "%2E") {
		return decodeOnce(p)
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = decodeOnce(s)
		if d := segments[i]; (d == "." || d == "..") && d != s {
			segments[i] = strings.ReplaceAll(d, ".", literalDot)
		}
	}
	return strings.Join(segments, "/")
}

// resolved takes the marks of dots off.
func resolved(spelled string) string {
	return strings.ReplaceAll(spelled, literalDot, ".")
}

// isAmbiguous reports whether others may read a path otherwise than we do. spelled is of spelledPath, clean the path as we read it.
func isAmbiguous(spelled, clean string) bool {
	return strings.IndexByte(spelled, '\\') >= 0 || strings.IndexByte(spelled, ';') >= 0 ||
		strings.Contains(spelled, "%2F") || len(spelled) != len(clean) && (strings.Contains(spelled, "/.") || strings.Contains(spelled, literalDot))
}

// readings returns the other forms in which a path may be read, of what isAmbiguous was told. What stands for a percent sign stays escaped in them: who decodes
// a path twice is not taken into account.
func readings(spelled, clean string) []string {
	var without reading
	for i, mark := range marks {
		if !strings.Contains(spelled, mark) {
			without |= 1 << i
		}
	}
	var all []string
	for how := reading(1); how <= everyReading; how++ {
		if how&without != 0 {
			continue
		}
		if p := how.read(spelled); p != clean && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// read returns a path as it is read, cleaned.
func (how reading) read(p string) string {
	if how&textual == 0 {
		p = resolved(p)
	}
	if how&slashes != 0 {
		p = strings.ReplaceAll(p, "%2F", "/")
	}
	if how&backslashes != 0 {
		p = strings.ReplaceAll(p, `\`, "/")
	}
	if how&parameters != 0 {
		p = withoutParameters(p)
	}
	directory := endsInDirectory(p) && !strings.HasSuffix(p, "/")
	if how&unmerged != 0 {
		p = resolveUnmerged(p)
	}
	p = cleanPath(p)
	if how&slashless != 0 && directory && p != "/" {
		p = strings.TrimSuffix(p, "/")
	}
	return p
}

// withoutParameters takes what follows a semicolon off each segment.
func withoutParameters(p string) string {
	var b strings.Builder
	for i, s := range strings.Split(p, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		s, _, _ = strings.Cut(s, ";")
		b.WriteString(s)
	}
	return b.String()
}

// resolveUnmerged takes dot segments out, where an empty segment counts as any other.
func resolveUnmerged(p string) string {
	var kept []string
	for s := range strings.SplitSeq(strings.TrimPrefix(p, "/"), "/") {
		switch {
		case s == ".":
		case s != "..":
			kept = append(kept, s)
		case len(kept) > 0:
			kept = kept[:len(kept)-1]
		}
	}
	p, directory := "/"+strings.Join(kept, "/"), endsInDirectory(p)
	if directory {
		p += "/"
	}
	return p
}

// climbs reports whether a decoded path leads above its own beginning in one of its readings, where an escaped slash is a
// slash: what a prefix was taken off must not lead above that.
func climbs(decoded string) bool {
	if !strings.Contains(decoded, "..") {
		return false
	}
	depth := 0
	for s := range strings.SplitSeq(withoutParameters(strings.ReplaceAll(decoded, `\`, "/")), "/") {
		switch s {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

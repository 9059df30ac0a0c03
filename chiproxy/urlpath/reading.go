package urlpath

import (
	"net/url"
	"slices"
	"strings"
)

// literalDot stands for a dot of a segment like %2e%2e, literalSemicolon for a semicolon that was escaped. In the form of
// Of, a percent sign has digits behind it.
const (
	literalDot       = "%."
	literalSemicolon = "%;"
)

// Read returns the path of u in the form of Of, and as it was before it was cleaned: spelled, in which the dots of escaped dot segments and
// escaped semicolons are marked. ambiguous says that other servers may read it differently.
func Read(u *url.URL) (path, spelled string, ambiguous bool) {
	if u.RawPath == "" && isPlain(u.Path) {
		return u.Path, u.Path, false
	}
	spelled = spell(u)
	path = Clean(Resolved(spelled))
	return path, spelled, isAmbiguous(spelled, path)
}

// isPlain reports, by one look at each byte, whether a path is clean and everybody reads it alike. Most are.
func isPlain(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '%', ';', '\\':
			return false
		case '/', '.':
			if p[i-1] == '/' { // maybe only a name that begins with a dot
				return false
			}
		}
	}
	return true
}

// spell returns what Read calls spelled.
func spell(u *url.URL) string {
	p := u.Path
	if u.RawPath == "" && strings.IndexByte(p, '%') < 0 {
		return p
	}
	p = strings.ReplaceAll(strings.ReplaceAll(u.EscapedPath(), "%3B", literalSemicolon), "%3b", literalSemicolon)
	if !strings.Contains(p, "%2e") && !strings.Contains(p, "%2E") {
		return DecodeOnce(p)
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = DecodeOnce(s)
		if d := segments[i]; (d == "." || d == "..") && d != s {
			segments[i] = strings.ReplaceAll(d, ".", literalDot)
		}
	}
	return strings.Join(segments, "/")
}

// Resolved removes the marks of what is spelled.
func Resolved(spelled string) string {
	if strings.IndexByte(spelled, '%') < 0 {
		return spelled
	}
	return unmarked(strings.ReplaceAll(spelled, literalDot, "."))
}

// unmarked removes the marks of semicolons.
func unmarked(p string) string { return strings.ReplaceAll(p, literalSemicolon, ";") }

// MaxAmbiguous is the length in bytes of the longest path whose readings are tried, as their cost is proportional to it; a longer path
// counts as one that bypasses a guard.
const MaxAmbiguous = 8 << 10

// isAmbiguous reports whether other servers may read a path differently. clean is the path as we read it.
func isAmbiguous(spelled, clean string) bool {
	return strings.IndexByte(spelled, '\\') >= 0 || strings.IndexByte(spelled, ';') >= 0 ||
		strings.Contains(spelled, "%2F") || len(spelled) != len(clean) && (strings.Contains(spelled, "/.") || strings.Contains(spelled, literalDot))
}

// Reading is a path as some servers read it, cleaned.
type Reading struct {
	Path string
	// Dots says that dot segments took part in it: one may lead up where our own reading has none.
	Dots bool
}

// Readings returns the other forms in which a path may be read, of what Read has returned as ambiguous. Servers differ in whether they resolve dot
// segments that are escaped (Go's ServeMux does not), in each step of forms, in whether the empty segment of a double slash counts as one
// that a following .. removes, and in whether a dot segment at the end leaves a slash; all combinations are readings of it, which
// are 160 at most. What stands for a percent sign stays escaped in them: who decodes a path twice is not taken into account.
func Readings(spelled, clean string) []Reading {
	var all []Reading
	add := func(p string, dots bool) {
		if p == clean {
			return
		}
		if i := slices.IndexFunc(all, func(r Reading) bool { return r.Path == p }); i >= 0 {
			all[i].Dots = all[i].Dots || dots
			return
		}
		all = append(all, Reading{p, dots})
	}
	decoded := strings.ReplaceAll(spelled, literalDot, ".")
	for _, begin := range alternatives([]string{decoded}, func(string) string { return spelled }) {
		for _, p := range forms(begin) {
			dots := begin != decoded || strings.Contains(p+"/", "/../")
			for _, cleaned := range [...]string{Clean(p), Clean(resolveUnmerged(p))} {
				add(cleaned, dots)
				if EndsInDirectory(p) && !strings.HasSuffix(p, "/") {
					add(slashless(cleaned), true)
				}
			}
		}
	}
	return all
}

// forms returns a path with dot segments in the forms in which servers have it before they resolve these. Path parameters, as servlets have
// them, are taken off before anything is decoded (and an escaped semicolon is none), before backslashes are slashes, or at the end.
func forms(p string) []string {
	all := alternatives([]string{p}, withoutParameters)
	for i, p := range all {
		all[i] = unmarked(p)
	}
	for _, step := range [...]func(string) string{withSlashes, withoutParameters, withBackslashes, withoutParameters} {
		all = alternatives(all, step)
	}
	return all
}

// alternatives adds to each of some forms what a step makes of it, if that is another one.
func alternatives(all []string, step func(string) string) []string {
	for _, p := range all {
		if p = step(p); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// withSlashes takes %2F for a slash.
func withSlashes(p string) string { return strings.ReplaceAll(p, "%2F", "/") }

// withBackslashes takes a backslash for a slash.
func withBackslashes(p string) string { return strings.ReplaceAll(p, `\`, "/") }

// withoutParameters takes what follows a semicolon off each segment.
func withoutParameters(p string) string {
	if strings.IndexByte(p, ';') < 0 {
		return p
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		for j := range len(s) {
			if s[j] == ';' && (j == 0 || s[j-1] != literalSemicolon[0]) {
				segments[i] = s[:j]
				break
			}
		}
	}
	return strings.Join(segments, "/")
}

// slashless takes the slash at the end off.
func slashless(p string) string {
	if p == "/" {
		return p
	}
	return strings.TrimSuffix(p, "/")
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
	p, directory := "/"+strings.Join(kept, "/"), EndsInDirectory(p)
	if directory {
		p += "/"
	}
	return p
}

// Climbs reports whether a path leads above its own beginning in one of its readings: what a prefix was taken off must not
// lead above that.
func Climbs(u *url.URL) bool {
	return strings.Contains(u.Path, "..") && (len(u.Path) > MaxAmbiguous ||
		slices.ContainsFunc(forms(strings.ReplaceAll(spell(u), literalDot, ".")), leadsAbove))
}

// Ascends reports whether a path has a .. segment in one of its readings: a path that was made of what a client sent must not.
func Ascends(u *url.URL) bool {
	return strings.Contains(u.Path, "..") && (len(u.Path) > MaxAmbiguous ||
		slices.ContainsFunc(forms(strings.ReplaceAll(spell(u), literalDot, ".")), func(p string) bool {
			return strings.Contains(p+"/", "/../")
		}))
}

// leadsAbove reports whether a path leads above its own beginning. Double slashes are merged in it, which leads higher.
func leadsAbove(p string) bool {
	depth := 0
	for s := range strings.SplitSeq(p, "/") {
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

package field

import "strings"

// WithCookie returns a line of cookies with another pair, which is empty afterwards, for the first one of a name, and without the
// others of that name. A line without any stays as it is.
func WithCookie(line, name string, pair *string) string {
	var kept []string
	found := false
	for part := range strings.SplitSeq(line, ";") {
		part = strings.Trim(part, " \t")
		other, _, _ := strings.Cut(part, "=")
		switch {
		case strings.Trim(other, " \t") != name:
			if part != "" {
				kept = append(kept, part)
			}
			continue
		case *pair != "":
			kept = append(kept, *pair)
			*pair = ""
		}
		found = true
	}
	if !found {
		return line
	}
	return strings.Join(kept, "; ")
}

package field

import (
	"fmt"
	"strings"
)

// EncodeLocation encodes what is invalid in a URL, such as a blank or a non-ASCII byte: clients read them differently, and some read a
// backslash as a slash. Blanks around it are dropped.
func EncodeLocation(s string) string {
	s = strings.Trim(s, " \t")
	var b strings.Builder
	from := 0
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%s%%%02X", s[from:i], c)
			from = i + 1
		}
	}
	if from == 0 {
		return s
	}
	return b.String() + s[from:]
}

package dashboard

import (
	"regexp"
	"strings"
)

// Scripts may have keys written down in them. conceal hides strings of Lua that look like such: those behind a name that says so, in the same
// statement, those of many letters and digits without a word, passwords in URLs, and private keys.

var (
	// telling matches names and strings behind which a secret stands: `secret = "…"`, `["X-Api-Key"] = "…"`, `set_header("Authorization", "…")`.
	telling = regexp.MustCompile(`(?i)^[\w-]*(secret|passw|token|credential|private|bearer|authorization|cookie|api[_-]?key|signing|signature|hmac)[\w-]*$|^(keys|users|sig)$|[_-]key$`)
	// random matches what no person would write.
	random = regexp.MustCompile(`^[A-Za-z0-9+/=_.~$-]{20,}$`)
	// login matches a name and a password in an address, and query the values of the query of one.
	login = regexp.MustCompile(`://[^/@\s"'\\]+@`)
	query = regexp.MustCompile(`(://[^\s"'?\\]*\?|[?&][\w-]*(?:sig|secret|token|key|passw)[\w-]*=)[^\s"'\\]+`)
	digit = regexp.MustCompile(`[0-9]`)
	upper = regexp.MustCompile(`[A-Z$=]`)
)

// concealer reads a script piece by piece.
type concealer struct {
	out   strings.Builder
	depth int // of brackets
	// until is the depth at whose end of statement the secret is over; -1 while there is none.
	until int
}

// conceal hides what looks like a secret in a script. Its lines stay the same.
func conceal(code string) string {
	c := concealer{until: -1}
	for code != "" {
		n := c.piece(code)
		code = code[n:]
	}
	return c.out.String()
}

// piece reads one token, or one byte, and returns how long it is.
func (c *concealer) piece(code string) int {
	switch b := code[0]; {
	case strings.HasPrefix(code, "--"):
		n := 2 + longBracket(code[2:])
		if n == 2 {
			n = lineEnd(code)
		}
		c.out.WriteString(plain(code[:n]))
		return n
	case b == '"' || b == '\'':
		n := quoted(code)
		c.literal(code[:n], code[:1], code[1:max(1, n-1)], code[max(1, n-1):n])
		return n
	case b == '[' && longBracket(code) > 0:
		n := longBracket(code)
		open := strings.IndexByte(code[1:], '[') + 2
		c.literal(code[:n], code[:open], code[open:n-open], code[n-open:n])
		return n
	case isWord(b):
		n := 1
		for n < len(code) && isWord(code[n]) {
			n++
		}
		c.notice(code[:n])
		c.out.WriteString(code[:n])
		return n
	}
	c.punctuation(code[0])
	c.out.WriteByte(code[0])
	return 1
}

// punctuation follows brackets and the ends of statements.
func (c *concealer) punctuation(b byte) {
	switch b {
	case '(', '{', '[':
		c.depth++
	case ')', '}', ']':
		c.depth--
		if b == '}' && c.depth < c.until {
			c.until = -1
		}
	case '\n', ';':
		if c.depth <= c.until {
			c.until = -1
		}
	}
}

// notice takes note of a name behind which a secret stands.
func (c *concealer) notice(name string) {
	if c.until < 0 && telling.MatchString(name) {
		c.until = c.depth
	}
}

// literal writes a string, hidden if it may be a secret.
func (c *concealer) literal(whole, open, text, end string) {
	secret := c.until >= 0 || strings.Contains(text, "PRIVATE KEY") || random.MatchString(text) && digit.MatchString(text) && upper.MatchString(text)
	if secret && text != "" {
		c.out.WriteString(open + hidden + strings.Repeat("\n", strings.Count(text, "\n")) + end)
		return
	}
	c.notice(text)
	c.out.WriteString(plain(whole))
}

// plain hides passwords and queries in addresses. It does so in JSON, too: what it matches does not reach over the end of a string.
func plain(text string) string {
	if !strings.Contains(text, "://") && !strings.Contains(text, "?") {
		return text
	}
	return query.ReplaceAllString(login.ReplaceAllString(text, "://"+hidden+"@"), "${1}"+hidden)
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

// longBracket returns the length of a string in long brackets, 0 if there is none.
func longBracket(code string) int {
	if code == "" || code[0] != '[' {
		return 0
	}
	level := 1
	for level < len(code) && code[level] == '=' {
		level++
	}
	if level == len(code) || code[level] != '[' {
		return 0
	}
	end := "]" + code[1:level] + "]"
	if i := strings.Index(code[level+1:], end); i >= 0 {
		return level + 1 + i + len(end)
	}
	return 0
}

// quoted returns the length of a string in quotes.
func quoted(code string) int {
	for i := 1; i < len(code); i++ {
		switch code[i] {
		case '\\':
			i++
		case code[0]:
			return i + 1
		}
	}
	return len(code)
}

func lineEnd(code string) int {
	if i := strings.IndexByte(code, '\n'); i >= 0 {
		return i
	}
	return len(code)
}

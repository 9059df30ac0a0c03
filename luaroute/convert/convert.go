// Package convert turns the configurations of other gateways, and descriptions of APIs, into scripts:
//
//	script, notes, err := convert.Kong(file)
//
// What has no counterpart is noted with its line, in the order of the file. What protects a route and has none closes the route: its script
// answers 501 until somebody has written what it lacks. Strings of the file are always quoted.
package convert

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Formats are the converters by the name of what they read.
var Formats = map[string]func(in io.Reader) (lua string, notes []string, err error){
	"kong": Kong, "traefik": Traefik, "openapi": OpenAPI,
}

// finish writes the script.
func finish(s *source, out *script) (string, []string, error) {
	if s.err != nil {
		return "", nil, s.err
	}
	out.arrange(s)
	if s.err != nil {
		return "", nil, s.err
	}
	lineOf := func(note string) (line int) {
		_, _ = fmt.Sscanf(note, "line %d:", &line)
		return line
	}
	slices.SortStableFunc(s.Notes, func(a, b string) int { return lineOf(a) - lineOf(b) })
	return out.String(), slices.Compact(s.Notes), nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`)

// isHost reports whether a string is a name or an address that can be dialled.
func isHost(host string) bool {
	return hostName.MatchString(host) && len(host) < 256 || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// isHostPattern reports whether a string is a host that data of a guard may have.
func isHostPattern(host string) bool {
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		host = rest
	}
	return hostName.MatchString(host) && !strings.HasPrefix(host, ".") && !strings.Contains(host, "..") && len(host) < 256 || net.ParseIP(host) != nil
}

// isPath reports whether a path may stand in a pattern as it is.
func isPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "{}*?#%\\") || strings.Contains(path, "//") || len(path) > 1024 {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == 0x7f || c == 0xfffd })
}

// prefixed returns the patterns of all paths that begin with a prefix, which ends where a segment does.
func prefixed(prefix string) []string {
	if strings.HasSuffix(prefix, "/") {
		return []string{prefix + "*"}
	}
	return []string{prefix, prefix + "/*"}
}

// upstream reads the URL of a server: its address as a pool has it, the Host that it expects, and its path.
func upstream(s *source, line int, text string) (address, host, path string, ok bool) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		s.fail(line, "%q is no URL", text)
	case !slices.Contains([]string{"http", "https", "ws", "wss", "h2c"}, u.Scheme) || !isHost(u.Hostname()):
		s.fail(line, "%q: expected a URL such as http://10.0.0.1:8080", text)
	case u.Path != "" && !isPath(u.Path):
		s.fail(line, "%q: a path of an upstream has plain segments", text)
	default:
		scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
		if scheme == "" {
			scheme = u.Scheme
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"https": "443"}[scheme]
		}
		if port == "" {
			port = "80"
		}
		address = net.JoinHostPort(u.Hostname(), port)
		if scheme != "http" {
			address = scheme + "://" + address
		}
		return address, u.Host, strings.TrimRight(u.Path, "/"), true
	}
	return "", "", "", false
}

var segmentOfRegexp = regexp.MustCompile(`^[A-Za-z0-9._~\-]+$`)

// fromRegexp turns a regular expression of paths into a pattern. It can where each segment is text or one expression; open tells whether the
// expression also matches what is longer.
func fromRegexp(expression string) (pattern string, open, ok bool) {
	rest := strings.TrimPrefix(expression, "^")
	rest, closed := strings.CutSuffix(rest, "$")
	if strings.HasSuffix(rest, `\`) || !strings.HasPrefix(rest, "/") || rest == "/" || alternates(rest) {
		return "", false, false
	}
	var b strings.Builder
	for i, segment := range segments(rest[1:]) {
		b.WriteByte('/')
		plain := strings.NewReplacer(`\.`, ".", `\-`, "-").Replace(segment)
		if segmentOfRegexp.MatchString(plain) && !strings.Contains(strings.ReplaceAll(segment, `\.`, ""), ".") {
			b.WriteString(plain)
			continue
		}
		name, inner := namedGroup(segment, i+1)
		if inner == "" || strings.ContainsAny(strings.NewReplacer("[^/]", "").Replace(inner), `/{}`) {
			return "", false, false
		}
		inner = strings.ReplaceAll(inner, "[^/]", ".")
		if _, err := regexp.Compile(inner); err != nil {
			return "", false, false
		}
		b.WriteString("{" + name + ":" + inner + "}")
	}
	return b.String(), !closed, true
}

var group = regexp.MustCompile(`^\((?:\?P?<([A-Za-z_][A-Za-z0-9_]*)>)?(.*)\)$`)

// namedGroup takes the group off that a segment is.
func namedGroup(segment string, n int) (name, inner string) {
	name, inner = "p"+string(rune('0'+n%10)), segment
	if m := group.FindStringSubmatch(segment); m != nil && !strings.ContainsAny(m[2], "()") {
		inner = m[2]
		if m[1] != "" {
			name = m[1]
		}
	}
	return name, inner
}

// alternates reports whether an expression is several ones: what is between slashes is no expression of a segment then.
func alternates(expression string) bool {
	depth := 0
	for i := 0; i < len(expression); i++ {
		switch expression[i] {
		case '\\':
			i++
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case '|':
			if depth <= 0 {
				return true
			}
		}
	}
	return false
}

// segments splits an expression at the slashes outside of brackets and groups.
func segments(expression string) []string {
	var all []string
	begin, depth := 0, 0
	for i := range len(expression) {
		switch expression[i] {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case '/':
			if depth == 0 {
				all = append(all, expression[begin:i])
				begin = i + 1
			}
		}
	}
	return append(all, expression[begin:])
}

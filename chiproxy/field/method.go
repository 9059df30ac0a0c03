package field

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// StandardMethods are those that a route for all methods names in Allow.
var StandardMethods = []string{
	http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
	http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace,
}

// IsWebSocketConnect reports whether a request is an extended CONNECT that opens a WebSocket.
func IsWebSocketConnect(r *http.Request) bool {
	return r.Method == http.MethodConnect &&
		(r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket")
}

// PreflightFor returns the method of the request that a browser announces by a preflight: OPTIONS with the origin of a site, as the Fetch
// standard has it. It is empty for what is no preflight.
func PreflightFor(r *http.Request) string {
	if r.Method != http.MethodOptions || len(r.Header["Origin"]) == 0 {
		return ""
	}
	if asked := r.Header["Access-Control-Request-Method"]; len(asked) > 0 {
		return asked[0]
	}
	return ""
}

// CheckMethod reports what cannot be a method.
func CheckMethod(method string) error {
	if len(method) > maxMethod {
		return fmt.Errorf("the method %s has %d bytes; allowed are %d", Quote(method), len(method), maxMethod)
	}
	if !isToken(method) {
		return fmt.Errorf("%s is not a method; a method is a token such as GET", Quote(method))
	}
	if up := strings.ToUpper(method); up != method && (up == http.MethodConnect || slices.Contains(StandardMethods, up)) {
		return fmt.Errorf("method %q: methods are case-sensitive, write %s", method, up)
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

package luatest

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

var date = regexp.MustCompile(`Date: [^\r]*\r\n`)

// Wire sends bytes to the site and returns all that come back until the connection ends, but for the date.
func (s *Site) Wire(t testing.TB, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return date.ReplaceAllString(string(answer), "")
}

// Message is a request for Wire, without a body. The server closes the connection behind the response.
func Message(method, target string, fields ...string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: a.example\r\n%sConnection: close\r\n\r\n", method, target, strings.Join(append(fields, ""), "\r\n"))
}

package main

import (
	"fmt"
	"strings"
)

// host and path are what most requests ask for.
const (
	host = "bench.example"
	path = "/api/v1/users/42?page=2"
)

// headers are those of every request: a few more than none, as real clients send.
var headers = [][2]string{
	{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	{"Accept", "application/json"},
	{"Accept-Language", "en-US,en;q=0.5"},
	{"Accept-Encoding", "gzip, deflate, br"},
	{"Authorization", "Bearer 0123456789abcdef0123456789abcdef"},
	{"X-Tenant", "acme"},
}

// body is what the origin answers.
const body = `{"id":42,"name":"Grace","roles":["admin","user"]}` + "\n"

// requestText is a request as it is sent.
func requestText(host, path string) []byte {
	var head strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&head, "%s: %s\r\n", h[0], h[1])
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, &head)
}

// responseText is the answer of the origin.
func responseText() []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nCache-Control: no-store\r\nX-Request-Id: 0123456789abcdef\r\n\r\n%s", len(body), body)
}

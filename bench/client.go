package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"time"
)

// patience is how long an answer may take. A benchmark that hangs says nothing.
const patience = 30 * time.Second

// client is a connection that asks the same again and again. It does no more than it must: it shares the processors
// with what is measured.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	// times are how long the answers to its last order took.
	times []time.Duration
}

func dial(address string) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReader(conn)}, nil
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("content-length: ")
)

// ask sends a request and reads the answer, which must be that of the origin.
func (c *client) ask(request []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("answer %q: expected %q", bytes.TrimSpace(line), statusOK)
	}
	length := -1
	for len(line) > len("\r\n") {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return err
		}
		if n := len(contentLength); len(line) > n && bytes.EqualFold(line[:n], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[n:]))); err != nil {
				return err
			}
		}
	}
	if length != len(body) {
		return fmt.Errorf("an answer of %d bytes: expected %d", length, len(body))
	}
	_, err = c.r.Discard(length)
	return err
}

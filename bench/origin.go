package main

import (
	"bufio"
	"io"
	"net"
)

// origin answers every request with the same few bytes, as cheaply as it can: it shares the processors with what is
// measured. It reads no bodies. It writes its address, and ends with its input.
func origin(in io.Reader, out io.Writer) error {
	l, err := announce(in, out)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil // the input has ended
		}
		go answer(conn)
	}
}

// answer answers the requests of one connection.
func answer(conn net.Conn) {
	defer conn.Close()
	r, response := bufio.NewReader(conn), responseText()
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) > len("\r\n") {
			continue
		}
		if _, err := conn.Write(response); err != nil {
			return
		}
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
)

// origin answers every request with the same few bytes, as cheaply as it can: it shares the processors with what is
// measured. It reads no bodies. It writes its address, and ends with its input.
func origin(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = l.Close()
	}()
	if err := json.NewEncoder(out).Encode(listening{l.Addr().String()}); err != nil {
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

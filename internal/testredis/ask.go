package testredis

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Ask sends one command to a server, as another program than luaroute would, and returns the value of a bulk string, or the first line of
// another answer: ":1", "+OK", "-ERR …", "$-1" for none. An address may begin with "PASSWORD@".
func Ask(t testing.TB, address string, words ...string) string {
	t.Helper()
	password, host, secret := strings.Cut(address, "@")
	if !secret {
		host = address
	}
	conn, err := net.DialTimeout("tcp", host, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	from := bufio.NewReader(conn)
	if secret {
		if answer, err := ask(conn, from, "AUTH", password); err != nil || answer != "+OK" {
			t.Fatal(answer, err)
		}
	}
	answer, err := ask(conn, from, words...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func ask(conn net.Conn, from *bufio.Reader, words ...string) (string, error) {
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, command.String()); err != nil {
		return "", err
	}
	line, err := from.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	var length int
	if _, err := fmt.Sscanf(line, "$%d", &length); err != nil || length < 0 {
		return line, nil
	}
	value := make([]byte, length)
	_, err = io.ReadFull(from, value)
	return string(value), err
}

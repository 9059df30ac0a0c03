package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// order is what the load generator is to do: ask an address on a number of connections, either for some time or for
// a number of requests. The connections are kept for the next order.
type order struct {
	Address    string
	Host, Path string
	Conns      int
	For        time.Duration
	Requests   int
}

// tally is what came of an order.
type tally struct {
	Requests int
	Took     time.Duration
	// P50, P99 and Max are times from a request to the end of its answer.
	P50, P99, Max time.Duration
}

// load carries out the orders in its input until that ends.
func load(in io.Reader, out io.Writer) error {
	clients := map[string][]*client{}
	return answers(in, out, func(o order) (tally, error) {
		for len(clients[o.Address]) < o.Conns {
			c, err := dial(o.Address)
			if err != nil {
				return tally{}, err
			}
			clients[o.Address] = append(clients[o.Address], c)
		}
		t, err := o.carryOut(clients[o.Address][:o.Conns])
		if err != nil { // the connections are of no more use
			delete(clients, o.Address)
		}
		return t, err
	})
}

// carryOut keeps the clients busy.
func (o order) carryOut(clients []*client) (tally, error) {
	request, start := requestText(o.Host, o.Path), time.Now()
	more := func(done int) bool { return done < o.Requests }
	if o.Requests == 0 {
		more = func(int) bool { return time.Since(start) < o.For }
	}
	failures := make(chan error, len(clients))
	for _, c := range clients {
		go func() { failures <- c.work(request, more) }()
	}
	var err error
	for range clients {
		err = errors.Join(err, <-failures)
	}
	return sum(clients, time.Since(start)), err
}

// sum is what the clients have done.
func sum(clients []*client, took time.Duration) tally {
	var times []time.Duration
	for _, c := range clients {
		times = append(times, c.times...)
	}
	t := tally{Requests: len(times), Took: took}
	if len(times) > 0 {
		slices.Sort(times)
		t.P50, t.P99, t.Max = times[len(times)/2], times[len(times)*99/100], times[len(times)-1]
	}
	return t
}

// work asks, one request after the other, until it is told that that is enough.
func (c *client) work(request []byte, more func(done int) bool) error {
	c.times = c.times[:0]
	for more(len(c.times)) {
		start := time.Now()
		if err := c.ask(request); err != nil {
			return err
		}
		c.times = append(c.times, time.Since(start))
	}
	return nil
}

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

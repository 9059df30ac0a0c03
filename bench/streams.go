package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// beat is how often a stream of events has one.
const beat = 100 * time.Millisecond

// streamOrigin answers a request for a WebSocket with one that echoes, and every other with events, which are times in nanoseconds.
func streamOrigin(in io.Reader, out io.Writer) error {
	l, err := announce(in, out)
	if err != nil {
		return err
	}
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			events(w, r)
		} else {
			echo(w, r)
		}
	}))
	return nil // the input has ended
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for {
		fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano())
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticks.C:
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	both := websocket.NetConn(r.Context(), conn, websocket.MessageText)
	_, _ = io.Copy(both, both)
}

// stream is one that is open. It returns an error if nothing goes through any more.
type stream func(ctx context.Context) error

// openSocket opens a WebSocket to a host, which ends with its context.
func openSocket(ctx context.Context, c *http.Client, host string) (stream, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+host+"/", &websocket.DialOptions{HTTPClient: c})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.CloseNow() })
	return func(ctx context.Context) error {
		const text = "still there"
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return err
		}
		_, back, err := conn.Read(ctx)
		if err == nil && string(back) != text {
			err = fmt.Errorf("%q came back as %q", text, back)
		}
		return err
	}, nil
}

// openEvents opens a stream of events, which ends with its context.
func openEvents(ctx context.Context, c *http.Client, host string) (stream, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		return nil, err
	}
	response, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("status %d", response.StatusCode), response.Body.Close())
	}
	lines := bufio.NewReader(response.Body)
	return func(ctx context.Context) error { // it waits for an event that is younger than the question
		defer context.AfterFunc(ctx, func() { _ = response.Body.Close() })()
		for asked := time.Now().UnixNano(); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return err
			}
			if at, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
				if n, err := strconv.ParseInt(at, 10, 64); err != nil || n > asked {
					return err
				}
			}
		}
	}, nil
}

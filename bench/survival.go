package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// survived is what became of open streams while what serves them was reloaded.
type survived struct {
	What    string `json:"what"`
	Reloads int    `json:"reloads"`
	// Reload is the median of how long a reload took.
	Reload  time.Duration `json:"reload_ns"`
	Sockets remaining     `json:"sockets"`
	Events  remaining     `json:"event_streams"`
}

// remaining is how many streams were opened, and how many of them a message still went through after the last reload.
type remaining struct {
	Opened int `json:"opened"`
	Left   int `json:"left"`
}

// reloading is what streams go through while it is reloaded. Each version differs in a route that the streams have nothing to do with.
type reloading struct {
	version func(n int) variant
	// script says that only the script runs again.
	script bool
}

var reloadings = []reloading{
	{script: true, version: func(int) variant {
		return variant{name: "script", what: "luaroute, its script run again", script: `
			route:get("/version", { status = 200, body = tostring(math.random()) })
			route:any("/*", "origin")`}
	}},
	{version: nativeVersion("configuration", "Caddy's `reverse_proxy`, the configuration loaded again", object{})},
	{version: nativeVersion("delay", "the same with `stream_close_delay 1h`", object{"stream_close_delay": time.Hour})},
}

// nativeVersion are versions of a configuration with Caddy's own reverse_proxy, which has more settings.
func nativeVersion(name, what string, more object) func(n int) variant {
	return func(n int) variant {
		return variant{name: name, what: what, native: func(proxy object) []object {
			return []object{
				{
					"match":  []object{{"path": []string{"/version"}}},
					"handle": []object{{"handler": "static_response", "body": fmt.Sprint(n)}},
				},
				{"handle": []object{merged(reverseProxy(proxy), more)}},
			}
		}}
	}
}

// survival opens streams, reloads, and counts what is left.
func survival(b *bench, r *standResult) error {
	origin, err := b.role("-streams")
	if err != nil {
		return err
	}
	var at listening
	if err := origin.ask(nil, &at); err != nil {
		return err
	}
	for _, way := range reloadings {
		s, err := b.survive(way, at.Address)
		if err != nil {
			return fmt.Errorf("%s: %w", s.What, err)
		}
		r.Survived = append(r.Survived, s)
	}
	return nil
}

// survive measures one way to reload, in a Caddy of its own.
func (b *bench) survive(way reloading, origin string) (s survived, err error) {
	v := way.version(0)
	s = survived{What: v.what, Reloads: b.options.reloads}
	if !way.script {
		s.Reloads = max(1, s.Reloads/10) // the first one tells all
	}
	p, err := startRole("-caddy", b.logs)
	if err != nil {
		return s, err
	}
	defer func() { err = explain(err, p.close()) }()
	config := func(n int) (json.RawMessage, error) {
		return caddyConfig([]variant{way.version(n)}, ownNetwork, origin, b.dir)
	}
	host, _, err := p.reconfigure(config, 0, v.name)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel() // closes all streams
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	sockets, err := opened(ctx, b.options.sockets, func() (stream, error) { return openSocket(ctx, client, host) })
	if err != nil {
		return s, err
	}
	events, err := opened(ctx, max(1, b.options.sockets/10), func() (stream, error) { return openEvents(ctx, client, host) })
	if err != nil {
		return s, err
	}

	var all []float64
	for n := range s.Reloads {
		var took time.Duration
		if way.script {
			var l loaded
			err = p.ask(command{Reload: v.name}, &l)
			took = l.Took
		} else {
			_, took, err = p.reconfigure(config, n+1, v.name)
		}
		if err != nil {
			return s, err
		}
		all = append(all, float64(took))
	}
	s.Reload = time.Duration(median(all))
	s.Sockets, s.Events = left(ctx, sockets), left(ctx, events)
	return s, nil
}

// reconfigure loads a version of a configuration, and returns where a variant listens and how long that took.
func (p *process) reconfigure(config func(n int) (json.RawMessage, error), n int, name string) (string, time.Duration, error) {
	c, err := config(n)
	if err != nil {
		return "", 0, err
	}
	var l loaded
	err = p.ask(command{Load: c}, &l)
	return l.Addresses[name], l.Took, err
}

// opened opens streams, and sees that something goes through all of them.
func opened(ctx context.Context, n int, open func() (stream, error)) ([]stream, error) {
	all := make([]stream, n)
	for i := range all {
		s, err := open()
		if err != nil {
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
		all[i] = s
	}
	if r := left(ctx, all); r.Left < r.Opened {
		return nil, fmt.Errorf("nothing goes through %d of %d streams", r.Opened-r.Left, r.Opened)
	}
	return all, nil
}

// left counts the streams that something goes through.
func left(ctx context.Context, all []stream) remaining {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers := make(chan error, len(all))
	for _, s := range all {
		go func() { answers <- s(ctx) }()
	}
	r := remaining{Opened: len(all)}
	for range all {
		if <-answers == nil {
			r.Left++
		}
	}
	return r
}

func survivedTable(w io.Writer, all []survived) {
	fmt.Fprintln(w, "| what\t| reloads\t| one reload\t| WebSockets left\t| event streams left\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---:\t|---:\t|---:\t|")
	for _, s := range all {
		fmt.Fprintf(w, "| %s\t| %d\t| %s\t| %d of %d\t| %d of %d\t|\n",
			s.What, s.Reloads, milliseconds(s.Reload), s.Sockets.Left, s.Sockets.Opened, s.Events.Left, s.Events.Opened)
	}
}

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

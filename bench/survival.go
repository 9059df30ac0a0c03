package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
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
			err = p.ask(wish{Reload: v.name}, &l)
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
	err = p.ask(wish{Load: c}, &l)
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

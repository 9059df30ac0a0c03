package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// order is what the load generator is to do: ask an address on a number of connections, either for some time or for
// a number of requests. The connections are kept for the next order.
type order struct {
	Address  string
	Conns    int
	For      time.Duration
	Requests int
}

// tally is what came of an order.
type tally struct {
	Requests int
	Took     time.Duration
	Error    string
}

// load carries out the orders in its input until that ends.
func load(in io.Reader, out io.Writer) error {
	clients := map[string][]*client{}
	orders, tallies := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading an order: %w", err)
		}
		var t tally
		all := clients[o.Address]
		for len(all) < o.Conns {
			c, err := dial(o.Address)
			if err != nil {
				t.Error = err.Error()
				break
			}
			all = append(all, c)
		}
		if clients[o.Address] = all; t.Error == "" {
			t = o.carryOut(all[:o.Conns])
		}
		if err := tallies.Encode(t); err != nil {
			return fmt.Errorf("writing a tally: %w", err)
		}
	}
}

// carryOut keeps the clients busy.
func (o order) carryOut(clients []*client) tally {
	start := time.Now()
	more := func(done int) bool { return done < o.Requests }
	if o.Requests == 0 {
		more = func(int) bool { return time.Since(start) < o.For }
	}
	results := make(chan tally, len(clients))
	for _, c := range clients {
		go func() { results <- c.work(more) }()
	}
	var sum tally
	for range clients {
		t := <-results
		sum.Requests += t.Requests
		sum.Error = max(sum.Error, t.Error)
	}
	sum.Took = time.Since(start)
	return sum
}

// work asks, one request after the other, until it is told that that is enough.
func (c *client) work(more func(done int) bool) (t tally) {
	for more(t.Requests) {
		if err := c.ask(); err != nil {
			t.Error = err.Error()
			return t
		}
		t.Requests++
	}
	return t
}

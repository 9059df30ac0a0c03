package main

import (
	"errors"
	"io"
	"slices"
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

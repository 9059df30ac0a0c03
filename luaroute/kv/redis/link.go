package redis

import (
	"sync/atomic"

	"github.com/redis/rueidis"
)

// link is a connection to Redis and what is known of it. It begins without one, and the first who needs it dials.
type link struct {
	ended chan struct{}
	inRow atomic.Int64 // failures

	client atomic.Pointer[rueidis.Client]
	turn   chan struct{} // holds one who dials
}

func newLink() *link { return &link{ended: make(chan struct{}), turn: make(chan struct{}, 1)} }

func (l *link) succeeded() {
	if l.inRow.Load() != 0 { // what is not written stays in the caches of all processors
		l.inRow.Store(0)
	}
}

func (l *link) failed() int { return int(l.inRow.Add(1)) }

// connect returns the connection. One dials at a time. If that fails the next one tries, so that failures count one by one.
func (l *link) connect(dial func() (rueidis.Client, error)) (rueidis.Client, error) {
	if client := l.client.Load(); client != nil {
		return *client, nil
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-l.ended:
		return nil, rueidis.ErrClosing
	}
	if client := l.client.Load(); client != nil {
		return *client, nil
	}
	client, err := dial()
	if err != nil {
		if client != nil {
			client.Close()
		}
		return nil, err
	}
	l.client.Store(&client)
	return client, nil
}

// end ends the connection, with all calls that wait for it.
func (l *link) end() {
	close(l.ended)
	go func() { // behind a dial, and rueidis waits for what is silent
		l.turn <- struct{}{} // kept: nobody dials anymore
		if client := l.client.Load(); client != nil {
			(*client).Close()
		}
	}()
}

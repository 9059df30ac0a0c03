package redis

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// How long it is between two probes of a Redis that is down: the first, and the longest.
const (
	firstPause   = time.Second
	longestPause = 10 * time.Second
)

// fall notes that Redis is down, once: a call on a key was the last of too many failures in a row.
func (c *client) fall(l *link, key string, last *kv.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link.Load() != l {
		return
	}
	c.reason.Store(&kv.Error{Reason: kv.Down, Detail: last.Detail, Err: last.Err})
	c.link.Store(nil)
	l.end()
	c.falls.Add(1)
	c.log().Error("redis is down; calls fail until a probe succeeds",
		zap.Int("failures", c.DownAfter), zap.String("reason", last.Error()), zap.Error(visible(last.Err)))
	go c.revive(key, time.Now())
}

// revive probes until Redis is back, or the client is closed. No caller waits for a probe, and nobody else dials meanwhile. What was
// dialled by the probe that succeeds is what calls use from then on.
func (c *client) revive(key string, since time.Time) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause):
		case <-c.closed:
			return
		}
		l := newLink()
		if err := c.probe(l, key); err != nil {
			l.end()
			continue
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		select {
		case <-c.closed:
			l.end()
		default:
			c.link.Store(l)
			c.log().Warn("redis is back", zap.Duration("after", time.Since(since)))
		}
		return
	}
}

// probe dials, and asks for what failed: a write to the key, on its node of a cluster, as a replica and a node that lost its cluster answer
// everything else. Writing nothing at the beginning of a string changes nothing and creates nothing.
func (c *client) probe(l *link, key string) error {
	client, err := l.connect(c.dial)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	err = client.Do(ctx, client.B().Setrange().Key(key).Offset(0).Value("").Build()).Error()
	if err != nil && isDown(failure(err)) {
		return err
	}
	return nil
}

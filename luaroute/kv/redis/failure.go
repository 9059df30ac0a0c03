package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/redis/rueidis"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// errForeign is the cause of a failure that says nothing of Redis itself.
var errForeign = errors.New("another program keeps a list, a hash or the like under this key")

// errNotNumber is the failure of an increment.
var errNotNumber = &kv.Error{Reason: kv.NotNumber}

// tooLarge is the failure of an operation whose value is over the limit.
func tooLarge(length, most int64) error {
	return &kv.Error{Reason: kv.TooLarge, Detail: fmt.Sprintf("the value has %d bytes; allowed are %d", length, most)}
}

// isDown reports whether a failure counts for Redis being down.
func isDown(err *kv.Error) bool {
	return (err.Reason == kv.Down || err.Reason == kv.Timeout) && err.Err != errForeign
}

// failure returns an error as scripts see it.
func failure(err error) *kv.Error {
	var ours *kv.Error
	if errors.As(err, &ours) {
		return ours
	}
	if answer, ok := rueidis.IsRedisErr(err); ok {
		switch code := code(answer.Error()); code {
		case "OOM":
			return &kv.Error{Reason: kv.Full, Err: err}
		case "WRONGTYPE":
			return &kv.Error{Reason: kv.Down, Detail: errForeign.Error(), Err: errForeign}
		default:
			return &kv.Error{Reason: kv.Down, Detail: code, Err: err}
		}
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return &kv.Error{Reason: kv.Timeout, Err: err}
	}
	return &kv.Error{Reason: kv.Down, Err: err}
}

// code returns the first word of an error of Redis; rueidis leaves ERR out. Before version 7, one of a script has it in the middle:
// "ERR Error running script (call to f_…): @user_script:3: -READONLY You can't write against a read only replica."
func code(text string) string {
	if _, after, ok := strings.Cut(text, ": -"); ok && strings.Contains(text, "Error running script") {
		text = after
	}
	word, _, _ := strings.Cut(text, " ")
	if word == "" || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "ERR"
	}
	return word
}

// visible returns an error for the log: those of Redis may quote what was sent to it, with keys, values and passwords.
func visible(err error) error {
	answer, ok := rueidis.IsRedisErr(err)
	if !ok {
		return err
	}
	text := answer.Error()
	if quote := strings.IndexAny(text, "'`\""); quote >= 0 {
		text = text[:quote] + "…"
	}
	return errors.New(text)
}

// Package kv is the state that scripts share: what `require("kv")` reads and writes, and what limits with `store = "kv"` count in.
//
// # For plugins
//
// A plugin adds a store: a Caddy module in the namespace luaroute.kv that implements [Store], and perhaps [Limiter], [Waiter] and [Starter].
// One method performs every operation, so that a store is a switch over [Kind]. Values are bytes, and what they stand for matters to
// [Increment] only; see [Number]. What a store needs of this package is stable; everything else is for luaroute's own packages.
package kv

import (
	"context"
	"time"
)

// Store keeps values by key. It is safe for concurrent use. The owner of a store outlives configurations, so a store must not keep what
// belongs to one of them.
type Store interface {
	// Do performs one operation, on one key, in one step: nobody sees a part of it. It waits no longer than the timeout of the store and never
	// tries again what may have been done. An error that is not one of *Error counts as Down.
	Do(ctx context.Context, op Op) (Result, error)
}

// Waiter is a store whose Do may wait for something outside of the process, such as a network. Scripts that call it are then held to
// their wall time and give up the processor.
type Waiter interface {
	Waits() bool
}

// Starter is a store that has something to do when its configuration begins to serve. Until then it may be one that is only tried, beside
// another that serves: settings for what both share wait for Start.
type Starter interface {
	Start()
}

// Counted is a store that knows how much it keeps, for metrics.
type Counted interface {
	// Usage returns what a tenant keeps.
	Usage(s Scope) Usage
}

// Usage is what a tenant keeps in a store.
type Usage struct {
	// Keys is how many there are, with those that have expired and are not removed yet, and Bytes what they count for.
	Keys, Bytes int64
	// Evicted is how many had to go though they had not expired, since there was no room. It never goes down.
	Evicted int64
}

// Scope is whose keys an operation sees.
type Scope struct {
	// Instance is the name of the instance of luaroute, and Tenant that of the tenant, empty for the default tenant.
	Instance, Tenant string
}

// Kind is what an operation does.
type Kind int

// The kinds of operations. TTL is how long a value that is written lasts; 0 is forever.
const (
	// Get returns the value, and whether there is one. With WithTTL it also returns how long the value lasts.
	Get Kind = iota
	// Set writes Value. OK is always true.
	Set
	// Add writes Value if there is none, and reports that.
	Add
	// Replace writes Value if there is one, and reports that.
	Replace
	// CompareAndSwap writes Value if the value equals Old, and reports that. Without HasOld there must be none; without HasValue it deletes.
	CompareAndSwap
	// Increment adds By to the number that is there and returns the sum as Number. If there is no value it begins at Init, as a value of
	// scripts, and the TTL counts; else what is left of the life of the value stays as it is, and so does the form that it has: see Number
	// and AppendSum. A value that is no number is NotNumber, and so is a sum that is infinite.
	Increment
	// Delete removes the value, and reports whether there was one.
	Delete
	// Expire sets how long the value lasts from now, and reports whether there is one.
	Expire
	// TTL returns how long the value lasts, and whether there is one.
	TTL
	// Keys lists keys that begin with Key, at most Limit of them, in any order, and reports in OK whether there are more. For people, not
	// for requests.
	Keys
)

// MaxKey is the length of the longest key, in bytes.
const MaxKey = 1024

// Op is one operation.
type Op struct {
	Kind  Kind
	Scope Scope
	Key   string
	// Value is written, and Old compared. A store compares bytes, and keeps no slice of an Op: it copies.
	Value, Old                []byte
	HasValue, HasOld, WithTTL bool
	By, Init                  float64
	TTL                       time.Duration
	Limit                     int
	// Room is where a store may put the value that it returns, if it would have to copy it: append to Room[:0].
	Room []byte
	// Note is where a store may leave for the next operation what it has found for the Scope. Nil is nowhere.
	Note *Note
}

// Result is what an operation returns.
type Result struct {
	// OK is the answer of operations that have one.
	OK bool
	// Value must not be changed by either side.
	Value  []byte
	Number float64
	// TTL is how long the value lasts; 0 is forever.
	TTL  time.Duration
	Keys []string
	// Looked is how many keys were looked at in this process, for Keys: that is work for which the script pays.
	Looked int
}

// Reason is why an operation failed, as scripts see it: errors begin with it.
type Reason string

// The reasons.
const (
	Down      Reason = "down"
	Timeout   Reason = "timeout"
	Full      Reason = "full"
	TooLarge  Reason = "too large"
	NotNumber Reason = "not a number"
)

// Error is the failure of an operation. Scripts see the reason and the detail; it must hold no key and no value.
type Error struct {
	Reason Reason
	// Detail says more, such as a limit. It may be empty.
	Detail string
	// Err is the cause, for the log. It may be nil.
	Err error
}

// Error returns the reason, and the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Limiter is a store that can count a rate itself, in one step: the generic cell rate algorithm. A store without it cannot be the store
// of a limit.
type Limiter interface {
	// Take takes Cost from the budget of a key, or nothing if that is more than is left.
	Take(ctx context.Context, take Take) (Taken, error)
}

// Take is what a Limiter is asked for.
type Take struct {
	Scope Scope
	// Key is that of the limit and of the client. A store keeps it apart from the keys of operations.
	Key string
	// Interval is how long one of the budget takes to come back, and Burst how many there may be at once.
	Interval time.Duration
	Burst    int64
	// Cost may be 0: nothing is taken and nothing is written. It may be below: that much comes back, until the budget is whole.
	Cost int64
}

// Taken is what a Limiter answers.
type Taken struct {
	// OK reports whether it was taken.
	OK bool
	// Remaining is what is left.
	Remaining int64
	// Reset is how long until the budget is whole, and RetryAfter until this cost can be taken, 0 if it could.
	Reset, RetryAfter time.Duration
}

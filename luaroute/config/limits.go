package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
)

// Limits is what the scripts of one tenant may use. A request that exceeds them is handled as `on_error` says, by
// default with 503. Zero, or leaving a limit out, stands for its default; a tenant's defaults are the limits of its
// instance.
type Limits struct {
	// How long Lua may run for one request, in all its functions: a string such as `"100ms"`, or a number of
	// nanoseconds. Waiting does not count. Default: 100ms.
	CPU caddy.Duration `json:"cpu,omitempty"`

	// How long the library calls of one request may wait in total. Waiting for the upstream and for the client's body
	// does not count. Default:
	// 30s.
	Wall caddy.Duration `json:"wall,omitempty"`

	// The memory that one virtual machine may hold, in bytes or as a string such as `"64MiB"`. Default: 64MiB.
	Memory Size `json:"memory,omitempty"`

	// The memory that all virtual machines of the tenant may hold together, with the bodies that their requests keep, in
	// bytes or as a string such as `"1GiB"`. Beyond it requests wait for one, as when there are as many as `vms`.
	// Default: 1GiB.
	TotalMemory Size `json:"total_memory,omitempty"`

	// The largest body that `req:body()` and similar functions read into memory, in bytes or as a string such as `"1MiB"`.
	// A request with a larger one is answered with 413. Default: 1MiB.
	Body Size `json:"body,omitempty"`

	// The largest number of virtual machines. They are made on demand, and idle ones are released. Those that have
	// waited for their client for longer than `queue` do not count, up to the same number again. Default: 1000.
	VMs int `json:"vms,omitempty"`

	// How many virtual machines do not count against `vms` because the response has begun and their functions only
	// wait for it to end, or for its pieces: those of a function around a stream or a WebSocket, and of
	// `res:on_body`. Default: 10000.
	Streams int `json:"streams,omitempty"`

	// The maximum wait for a virtual machine, and again for CPU time once the tenant has used its fair share.
	// Default: 1s.
	Queue caddy.Duration `json:"queue,omitempty"`
}

// DefaultLimits are those of a tenant where nobody has set others.
var DefaultLimits = Limits{
	CPU: caddy.Duration(100 * time.Millisecond), Wall: caddy.Duration(30 * time.Second), Memory: 64 << 20, TotalMemory: 1 << 30,
	Body: 1 << 20, VMs: 1000, Streams: 10_000, Queue: caddy.Duration(time.Second),
}

// Or returns the limits with those that are not set taken from another.
func (l Limits) Or(other Limits) Limits {
	return Limits{
		CPU:         cmp.Or(l.CPU, other.CPU),
		Wall:        cmp.Or(l.Wall, other.Wall),
		Memory:      cmp.Or(l.Memory, other.Memory),
		TotalMemory: cmp.Or(l.TotalMemory, other.TotalMemory),
		Body:        cmp.Or(l.Body, other.Body),
		VMs:         cmp.Or(l.VMs, other.VMs),
		Streams:     cmp.Or(l.Streams, other.Streams),
		Queue:       cmp.Or(l.Queue, other.Queue),
	}
}

// Check reports a limit that is negative.
func (l *Limits) Check() error {
	for _, d := range []struct {
		name  string
		value caddy.Duration
	}{{"cpu", l.CPU}, {"wall", l.Wall}, {"queue", l.Queue}} {
		if d.value < 0 {
			return fmt.Errorf("limits: %s is %s; expected a positive duration", d.name, time.Duration(d.value))
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"vms", l.VMs}, {"streams", l.Streams}} {
		if n.value < 0 {
			return fmt.Errorf("limits: %s is %d; expected a positive number", n.name, n.value)
		}
	}
	return nil
}

// Size is a number of bytes. In JSON it is a number, or a string such as `"64MiB"` or `"10MB"`.
type Size int64

// UnmarshalJSON reads a number of bytes or a string with a unit.
func (s *Size) UnmarshalJSON(b []byte) error {
	var n int64
	if err := json.Unmarshal(b, &n); err == nil && n >= 0 {
		*s = Size(n)
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf(`%s is not a size: expected a number of bytes, or a string such as "1MiB"`, b)
	}
	size, err := ParseSize(text)
	*s = size
	return err
}

// ParseSize reads a size such as 1MiB, 10MB or 4096.
func ParseSize(text string) (Size, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return 0, fmt.Errorf("%q is not a size: expected a number of bytes, or a string such as 1MiB", text)
	}
	return Size(n), nil
}

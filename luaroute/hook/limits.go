package hook

import (
	"cmp"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Limits is what the scripts of one tenant may use. A field that is zero is not set.
type Limits struct {
	// Limits are those of one request and its virtual machine.
	vm.Limits
	// Body is the largest body that is buffered, in bytes.
	Body int64
	// TotalMemory is what all virtual machines may hold together, in bytes.
	TotalMemory int64
	// VMs is the largest number of virtual machines.
	VMs int
	// Queue is how long a request waits for one of them, and as long again for a processor when its Lua runs for long.
	Queue time.Duration
}

// DefaultLimits are those of a tenant where nobody has set others.
var DefaultLimits = Limits{Limits: vm.DefaultLimits, Body: 1 << 20, TotalMemory: 1 << 30, VMs: 1000, Queue: time.Second}

// Or returns the limits with those that are not set taken from another.
func (l Limits) Or(other Limits) Limits {
	return Limits{
		Limits: vm.Limits{
			CPU:    cmp.Or(l.CPU, other.CPU),
			Wall:   cmp.Or(l.Wall, other.Wall),
			Memory: cmp.Or(l.Memory, other.Memory),
		},
		Body:        cmp.Or(l.Body, other.Body),
		VMs:         cmp.Or(l.VMs, other.VMs),
		TotalMemory: cmp.Or(l.TotalMemory, other.TotalMemory),
		Queue:       cmp.Or(l.Queue, other.Queue),
	}
}

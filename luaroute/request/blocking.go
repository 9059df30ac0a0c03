package request

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// blocking interrupts the read or write of a script that waits for its client: nothing else would end it when the script has to stop.
type blocking struct {
	waits      atomic.Bool // for the client
	connection *http.ResponseController
	forget     func() bool // removes the interrupt
}

// wait calls a function that waits for the client.
func (r *Request) wait(s *vm.State, call func() error) error {
	s.StepAside() // the client may be slow
	b := r.blocking
	if b == nil {
		b = &blocking{connection: http.NewResponseController(r.ex.W)}
		b.forget = s.OnStop(b.interrupt)
		r.blocking = b
	}
	b.waits.Store(true)
	defer b.waits.Store(false)
	if s.Stopped() {
		return vm.ErrStopped
	}
	err := s.AwaitClient(call)
	if err != nil && s.Stopped() {
		return vm.ErrStopped
	}
	return err
}

// interrupt ends the current wait.
func (b *blocking) interrupt() {
	if b.waits.Load() {
		past := time.Unix(1, 0)
		_ = b.connection.SetReadDeadline(past)
		_ = b.connection.SetWriteDeadline(past)
	}
}

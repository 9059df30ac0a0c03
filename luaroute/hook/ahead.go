package hook

import (
	"net/http"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
)

// A client may send a body as slowly as it likes. Where the first function of a request reads it whatever else it does, see
// request.AsksForBody, it is read before the function gets a virtual machine. All others have one while they wait, which does not count for
// long, see vm.State.AwaitClient.

// enter returns the session of a request for the function, which is called next.
func (f *function) enter(ex *chiproxy.Exchange) (*session, error) {
	if f.vms.asks[f.ref] && request.IsToCome(ex.R) {
		if _, has := ex.Hold.(*session); !has {
			f.vms.readAhead(ex)
		}
	}
	return f.vms.enter(ex)
}

// readAhead reads the body of a request that has no virtual machine.
func (v *VMs) readAhead(ex *chiproxy.Exchange) {
	defer v.endReading(ex)()
	request.ReadAhead(ex.R, int64(v.limits.Body), func(held int64) bool { return ex.Keep(v.pool, held) })
}

// endReading ends the reading of a body when what runs has to end, until forget is called.
func (v *VMs) endReading(ex *chiproxy.Exchange) (forget func() bool) {
	connection := http.NewResponseController(ex.W)
	return v.pool.OnStop(func() { _ = connection.SetReadDeadline(time.Unix(1, 0)) })
}

// Body reads the body of a request for Ask, and keeps it for later readers. The error is one for the client. As a client may send slowly,
// the virtual machine is released meanwhile, or does not count for long if another function needs it.
func (q *Question) Body(ex *chiproxy.Exchange) (body []byte, err error) {
	read := func() error {
		body, err = request.ReadBody(ex.R, int64(q.vms.limits.Body))
		ex.Keep(q.vms.pool, request.Held(ex.R))
		return err
	}
	if request.IsToCome(ex.R) {
		ex.Yield()
		if s, has := ex.Hold.(*session); has {
			defer q.vms.endReading(ex)()
			err = s.state.AwaitClient(read)
			return body, err
		}
		q.vms.readAhead(ex)
	}
	err = read()
	return body, err
}

package chiproxy

import "github.com/luaroute/caddy-luaroute/chiproxy/response"

// Stamp sets fields of the header of a response when it leaves, whoever answers: see response.Stamp. A handler of Caddy's that takes the
// connection over writes a header of its own.
func (ex *Exchange) Stamp(s response.Stamp) {
	ex.record()
	ex.response.Stamp(s)
}

// Stamps returns what was added by Stamp, so that policies of a kind can share one.
func (ex *Exchange) Stamps() []response.Stamp { return ex.response.Stamps() }

// AtEnd adds a function that is called when the request has left the table, whatever happened: also if the candidate declines, and after a
// panic. A stream of another protocol has ended then.
func (ex *Exchange) AtEnd(fn func()) { ex.ends = append(ex.ends, fn) }

// end calls the functions of AtEnd.
func (ex *Exchange) end() {
	for _, fn := range ex.ends {
		fn()
	}
	ex.ends = nil
}

// count is something that was counted, under the hash of a key.
type count struct {
	what any
	key  uint64
}

// Once reports whether it is called for the first time in this request for what counts requests, and the hash of a key. Middleware may run
// for one candidate after the other, and a request counts once.
func (ex *Exchange) Once(what any, key uint64) bool {
	for _, c := range ex.counted {
		if c.what == what && c.key == key {
			return false
		}
	}
	ex.counted = append(ex.counted, count{what, key})
	return true
}

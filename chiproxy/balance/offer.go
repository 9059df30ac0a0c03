package balance

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Own is what the one who names an upstream says of it, besides its address.
type Own struct {
	// Weight is its share; 0 drains it: nothing but a cookie leads there.
	Weight float64
	// Fields are strings, numbers (float64) and booleans by name.
	Fields map[string]any
}

// Offer is the upstreams of which one is chosen for one try of a request.
type Offer struct {
	Upstreams reverseproxy.UpstreamPool
	// Own is what is known of each, at the same place. Upstreams without have the weight 1.
	Own []Own
	// Tried are those that the request was sent to before.
	Tried []*reverseproxy.Upstream
	// Latencies are those of the pool; nil where nobody measures.
	Latencies *Latencies
}

// List is some of the upstreams of an offer, or all of them. Its methods choose one that is available and was not tried yet: they return its
// place in the offer, -1 if there is none.
type List struct {
	*Offer
	places []int // nil for all
}

// All returns all upstreams.
func (o *Offer) All() List { return List{o, nil} }

// Len returns how many there are, available or not.
func (l List) Len() int {
	if l.places != nil {
		return len(l.places)
	}
	return len(l.Upstreams)
}

// Place returns the place in the offer of the i-th of the list, from 0.
func (l List) Place(i int) int {
	if l.places != nil {
		return l.places[i]
	}
	return i
}

// Has reports whether the list has the upstream at a place.
func (l List) Has(at int) bool { return l.places == nil || slices.Contains(l.places, at) }

// WasTried reports whether the request was sent to an upstream before.
func (o *Offer) WasTried(at int) bool {
	u := o.Upstreams[at]
	return slices.ContainsFunc(o.Tried, func(t *reverseproxy.Upstream) bool { return t == u || t.Dial == u.Dial })
}

// Weight returns the weight of an upstream.
func (o *Offer) Weight(at int) float64 {
	if at < len(o.Own) {
		return o.Own[at].Weight
	}
	return 1
}

// IsOpen reports whether an upstream can be chosen, other than by its cookie or name.
func (o *Offer) IsOpen(at int) bool {
	return o.Weight(at) > 0 && o.Upstreams[at].Available() && (len(o.Tried) == 0 || !o.WasTried(at))
}

// Open returns the upstreams that can be chosen; mostly those are all. The list must not be changed.
func (l List) Open() reverseproxy.UpstreamPool {
	if l.places == nil && l.allOpen() {
		return l.Upstreams
	}
	var open reverseproxy.UpstreamPool
	for i := range l.Len() {
		if at := l.Place(i); l.IsOpen(at) {
			open = append(open, l.Upstreams[at])
		}
	}
	return open
}

func (o *Offer) allOpen() bool {
	for at := range o.Upstreams {
		if !o.IsOpen(at) {
			return false
		}
	}
	return true
}

// Find returns the place of an address, whether it can be chosen or not.
func (o *Offer) Find(address string) int {
	return slices.IndexFunc(o.Upstreams, func(u *reverseproxy.Upstream) bool { return u.Dial == address })
}

// Names of the fields that each upstream has.
var fieldNames = []string{"address", "available", "healthy", "requests", "max_requests", "fails", "weight", "latency", "tried", "index"}

// FieldNames returns the names of the fields that each upstream has, which are none of its own.
func FieldNames() []string { return fieldNames }

// Field returns a field of an upstream: a string, a number (float64) or a boolean; nil if it has none of that name.
func (o *Offer) Field(at int, name string) any {
	u := o.Upstreams[at]
	switch name {
	case "address":
		return u.Dial
	case "available":
		return u.Available()
	case "healthy":
		return u.Healthy()
	case "requests":
		return float64(u.Host.NumRequests())
	case "max_requests":
		return float64(u.MaxRequests)
	case "fails":
		return float64(u.Host.Fails())
	case "weight":
		return o.Weight(at)
	case "latency":
		if o.Latencies != nil {
			if took, known := o.Latencies.Of(u.Dial); known {
				return took.Seconds()
			}
		}
		return nil
	case "tried":
		return o.WasTried(at)
	case "index":
		return float64(at + 1)
	}
	if at < len(o.Own) {
		return o.Own[at].Fields[name]
	}
	return nil
}

// Where returns those that have a value in a field.
func (l List) Where(field string, value any) List {
	out := List{l.Offer, []int{}}
	for i := range l.Len() {
		if at := l.Place(i); l.Field(at, field) == value {
			out.places = append(out.places, at)
		}
	}
	return out
}

// draws is how often chance is asked for one that can be chosen, before all are looked at.
const draws = 4

// Random returns any.
func (l List) Random() int { return l.random(-1) }

// random returns any but one.
func (l List) random(other int) int {
	n := l.Len()
	if n == 0 {
		return -1
	}
	for range draws {
		if at := l.Place(rand.IntN(n)); at != other && l.IsOpen(at) { //nolint:gosec // no secret
			return at
		}
	}
	found, count := -1, 0
	for i := range n {
		if at := l.Place(i); at != other && l.IsOpen(at) {
			if count++; rand.IntN(count) == 0 { //nolint:gosec // no secret
				found = at
			}
		}
	}
	return found
}

// Weighted returns one by chance, as often as its weight says.
func (l List) Weighted() int {
	found, sum := -1, 0.0
	for i := range l.Len() {
		if at := l.Place(i); l.IsOpen(at) {
			w := l.Weight(at)
			if sum += w; rand.Float64()*sum < w { //nolint:gosec // no secret
				found = at
			}
		}
	}
	return found
}

// Least returns the one whose field is the smallest number; chance decides among several. One without the number is none of them; for latencies that
// are not known yet, the latency is 0.
func (l List) Least(field string) int {
	found, count, least := -1, 0, math.Inf(1)
	for i := range l.Len() {
		at := l.Place(i)
		if !l.IsOpen(at) {
			continue
		}
		n, ok := l.number(at, field)
		switch {
		case !ok || n > least || math.IsNaN(n):
			continue
		case n < least:
			least, count = n, 0
		}
		if count++; rand.IntN(count) == 0 { //nolint:gosec // no secret
			found = at
		}
	}
	return found
}

// number returns a field that is a number, without making the values of those that most ask for.
func (o *Offer) number(at int, field string) (float64, bool) {
	switch field {
	case "requests":
		return float64(o.Upstreams[at].Host.NumRequests()), true
	case "fails":
		return float64(o.Upstreams[at].Host.Fails()), true
	case "latency":
		if o.Latencies == nil {
			return 0, true
		}
		took, _ := o.Latencies.of(o.Upstreams[at].Dial)
		return took, true
	}
	n, ok := o.Field(at, field).(float64)
	return n, ok
}

// Best returns the better of two that chance draws: the one whose latency times requests in flight is less, by weight.
func (l List) Best() int {
	one := l.random(-1)
	if one < 0 {
		return -1
	}
	two := l.random(one)
	if two < 0 || l.cost(one) <= l.cost(two) {
		return one
	}
	return two
}

// cost returns what a request more at an upstream costs. One that was never measured gets one request, and no other before that is answered.
func (o *Offer) cost(at int) float64 {
	u := o.Upstreams[at]
	requests := float64(u.Host.NumRequests())
	took, known := 1.0, true
	if o.Latencies != nil {
		took, known = o.Latencies.of(u.Dial)
	}
	if !known && requests > 0 {
		return math.MaxFloat64 / 2
	}
	return took * (requests + 1) / o.Weight(at)
}

// Hash returns the same one for the same text as long as that can be chosen, on all servers, as often as its weight says (rendezvous hashing): when
// upstreams come and go, no text changes from one that stays to another one that stays.
func (l List) Hash(text string) int {
	found, most := -1, math.Inf(-1)
	h, alike := hash(hashBegin, text), l.alike()
	for i := range l.Len() {
		at := l.Place(i)
		if !l.IsOpen(at) {
			continue
		}
		score := (float64(mixed(hash(h, l.Upstreams[at].Dial))>>11) + 1) / (1 << 53) // above 0 and at most 1
		if !alike {
			score = math.Log(score) / l.Weight(at)
		}
		if score > most {
			found, most = at, score
		}
	}
	return found
}

// alike reports whether all upstreams with a weight have the same, 1. The greatest number has the greatest logarithm then.
func (o *Offer) alike() bool {
	return !slices.ContainsFunc(o.Own, func(own Own) bool { return own.Weight != 0 && own.Weight != 1 })
}

// The hash is FNV-1a, whose bits are mixed when it ends: the same in each process.
const hashBegin = 14695981039346656037

func hash(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return (h ^ 0xff) * 1099511628211 // the end: "ab" and "c" are not "a" and "bc"
}

func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

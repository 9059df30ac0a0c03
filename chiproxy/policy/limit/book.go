package limit

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// states are those of all tables of the process.
var states = caddy.NewUsagePool()

// id is what a state is found by.
type id struct{ instance, tenant, name, kind string }

// The kinds of states.
const (
	kindRate        = "limit"
	kindConcurrency = "concurrency"
)

// state is what a policy counts in. It lives as long as a table has it.
type state struct {
	id
	outcomes [outcomes]atomic.Int64
	buckets  *buckets // of a rate, else nil
	slots    slots
}

// Destruct has nothing to end. It makes a state fit for the pool.
func (*state) Destruct() error { return nil }

// outcome is what came of a request.
type outcome int

const (
	allowed outcome = iota
	refused
	failed // the store did
	dry    // it would have been refused
	outcomes
)

var outcomeNames = [outcomes]string{"allowed", "refused", "error", "dry"}

func (s *state) counts(o outcome) { s.outcomes[o].Add(1) }

// Book holds the states of the policies of one table. The process has them, so that the next table counts on with what was counted, and so does
// the table of another configuration.
type Book struct {
	instance string
	private  bool

	mu   sync.Mutex
	held []*state
	at   map[id]origin.Origin
}

// NewBook returns the book of a table of an instance.
func NewBook(instance string) *Book { return &Book{instance: instance, at: map[id]origin.Origin{}} }

// NewPrivateBook returns the book of a table that is only tried: what it counts, nobody else sees.
func NewPrivateBook(instance string) *Book {
	b := NewBook(instance)
	b.private = true
	return b
}

// hold returns the state of a policy. The names of a tenant's policies differ, since metrics and logs tell them apart by it.
func (b *Book) hold(kind, tenant, name string, at origin.Origin) (*state, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	this := id{b.instance, tenant, name, ""}
	if first, taken := b.at[this]; taken {
		return nil, fmt.Errorf("the name %q is taken, first at %s; expected another one for each limit and concurrency of a tenant", name, first)
	}
	b.at[this] = at
	this.kind = kind
	s := &state{id: this}
	if !b.private {
		known, _, err := states.LoadOrNew(this, func() (caddy.Destructor, error) { return s, nil })
		if err != nil {
			return nil, err
		}
		s = known.(*state)
	}
	b.held = append(b.held, s)
	return s, nil
}

// making guards that the buckets of a state are made once.
var making sync.Mutex

// rate returns the state of a rate with at most so many keys.
func (b *Book) rate(tenant, name string, at origin.Origin, keys int) (*state, error) {
	s, err := b.hold(kindRate, tenant, name, at)
	if err != nil {
		return nil, err
	}
	making.Lock()
	defer making.Unlock()
	if s.buckets == nil {
		s.buckets = newBuckets(keys)
	} else {
		s.buckets.resize(keys)
	}
	return s, nil
}

// Close gives the states back.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.held {
		if !b.private {
			_, _ = states.Delete(s.id) // Destruct does not fail
		}
	}
	b.held = nil
}

// Count is what a policy has counted.
type Count struct {
	Tenant, Name string
	// Outcomes are how many requests had each outcome since the policy is there.
	Outcomes map[string]int64
	// Keys are how many keys it knows, and Evicted how many had to be forgotten too early.
	Keys, Evicted int64
}

// Counts returns what each policy has counted, in the order of their names.
func (b *Book) Counts() []Count {
	b.mu.Lock()
	held := slices.Clone(b.held)
	b.mu.Unlock()
	all := make([]Count, 0, len(held))
	for _, s := range held {
		c := Count{Tenant: s.tenant, Name: s.name, Outcomes: map[string]int64{}}
		for o, name := range outcomeNames {
			c.Outcomes[name] = s.outcomes[o].Load()
		}
		if s.kind == kindRate {
			c.Keys, c.Evicted = s.buckets.count.Load(), s.buckets.evicted.Load()
		} else {
			c.Keys = int64(s.slots.keys())
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name)) })
	return all
}

package limit

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
	"github.com/luaroute/caddy-luaroute/internal/spelling"
)

// Options is a limit of how many requests there may be in a time. Each key has a budget of its own.
type Options struct {
	// The name, in header fields, metrics and logs: letters, digits, `_`, `-` and `.`, at most 64. Each `limit`
	// and `concurrency` of a tenant has another one. Its counts are kept under it when the configuration or a
	// script is reloaded.
	Name string `json:"name"`

	// How many requests there may be in the time that `per` says, in the long run. At most one in a microsecond.
	Rate int `json:"rate"`

	// The time for `rate`: whole seconds, as a string such as `"1m"` or a number of nanoseconds. Default: 1s.
	Per caddy.Duration `json:"per,omitempty"`

	// How many requests there may be at once: the size of the budget. Default: `rate` where `per` is one second,
	// else a tenth of `rate`, at least 1.
	Burst *int `json:"burst,omitempty"`

	// What requests are told apart by: `all`, `client_ip`, `host`, `route`, `tenant`, `header:NAME`,
	// `cookie:NAME`, `query:NAME`, `param:NAME`, `var:NAME`; several of them count together. Default: `all`.
	Key []string `json:"key,omitempty"`

	// How many bits of an IPv6 address tell clients apart. Default: 64, a household.
	IPv6 int `json:"ipv6,omitempty"`

	// What to do with requests that lack something of the key: `skip` does not count them. Default: they share a
	// budget.
	Missing string `json:"missing,omitempty"`

	// How much of the budget a request takes. Default: 1.
	Cost int `json:"cost,omitempty"`

	// How many keys are known at most. Beyond that, keys with a whole budget are forgotten first, and then some
	// that are little used; some 100 bytes each. Default: 100000.
	MaxKeys int `json:"max_keys,omitempty"`

	// Where to count: `local`, in this process, or `kv`, in the store of the tenant, which then should be a shared
	// one. Default: `local`.
	Store string `json:"store,omitempty"`

	// What to do when the store fails: `local` counts in this process, `open` lets requests pass, `closed` answers
	// 503. Default: `local`.
	OnError string `json:"on_error,omitempty"`

	// The status of a refusal, from 400 to 599. Default: 429.
	Status int `json:"status,omitempty"`

	// The body of a refusal, as plain text. With it, refusals are answered here, and no `handle_errors` sees them.
	// Default: none.
	Body string `json:"body,omitempty"`

	// The header fields that all answers get: `draft` is `RateLimit-Policy` and `RateLimit`, `x` is
	// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, `both`, or `off`. Default: `draft`.
	Headers string `json:"headers,omitempty"`

	// Whether nothing is refused, and what would be is counted and logged.
	DryRun bool `json:"dry_run,omitempty"`

	// Whether the access log names the key of a request that is refused, in `limit_key`. Default: false, since a
	// key may be a secret.
	LogKey bool `json:"log_key,omitempty"`
}

// Values of Options.
const (
	StoreLocal = "local"
	StoreKV    = "kv"

	OnErrorLocal  = "local"
	OnErrorOpen   = "open"
	OnErrorClosed = "closed"

	HeadersDraft = "draft"
	HeadersX     = "x"
	HeadersBoth  = "both"
	HeadersOff   = "off"

	MissingSkip = "skip"
)

// DefaultKeys is the default of Options.MaxKeys.
const DefaultKeys = 100_000

// maxKeys is the most that Options.MaxKeys may be.
const maxKeys = 100_000_000

// Memory returns how many bytes so many keys take, if they are as long as keys may be.
func Memory(keys int) int64 { return int64(keys) * (bytesPerKey + key.MaxLength) }

// maxPer is the longest time for a rate.
const maxPer = 366 * 24 * time.Hour

// withDefaults returns the options with what is left out.
func (o Options) withDefaults() Options {
	if o.Per == 0 {
		o.Per = caddy.Duration(time.Second)
	}
	if o.Burst == nil {
		burst := o.Rate
		if o.Per != caddy.Duration(time.Second) {
			burst = max(1, o.Rate/10)
		}
		o.Burst = &burst
	}
	if len(o.Key) == 0 {
		o.Key = []string{"all"}
	}
	for _, text := range []struct {
		to    *string
		usual string
	}{{&o.Store, StoreLocal}, {&o.OnError, OnErrorLocal}, {&o.Headers, HeadersDraft}} {
		if *text.to == "" {
			*text.to = text.usual
		}
	}
	for _, number := range []struct {
		to    *int
		usual int
	}{{&o.IPv6, 64}, {&o.Cost, 1}, {&o.MaxKeys, DefaultKeys}, {&o.Status, http.StatusTooManyRequests}} {
		if *number.to == 0 {
			*number.to = number.usual
		}
	}
	return o
}

// Check reports what is wrong with the options.
func (o Options) Check() error {
	o = o.withDefaults()
	per := time.Duration(o.Per)
	switch {
	case o.Rate < 1:
		return fmt.Errorf("rate is %d; expected a whole number above 0, and per for what is less than one a second", o.Rate)
	case per < time.Second || per > maxPer || per%time.Second != 0:
		return fmt.Errorf("per is %s; expected whole seconds, from 1 to %d", per, int(maxPer.Seconds()))
	case *o.Burst < 1:
		return fmt.Errorf("burst is %d; expected a whole number above 0: a budget of none lets nobody in", *o.Burst)
	case o.Cost < 1:
		return fmt.Errorf("cost is %d; expected a whole number above 0", o.Cost)
	case o.Cost > *o.Burst:
		return fmt.Errorf("cost is %d; expected at most the burst, %d: more is never left", o.Cost, *o.Burst)
	case o.MaxKeys < 1 || o.MaxKeys > maxKeys:
		return fmt.Errorf("max_keys is %d; expected 1 to %d", o.MaxKeys, maxKeys)
	}
	for _, text := range []struct {
		name, value string
		allowed     []string
	}{
		{"missing", o.Missing, []string{"", MissingSkip}},
		{"store", o.Store, []string{StoreLocal, StoreKV}},
		{"on_error", o.OnError, []string{OnErrorLocal, OnErrorOpen, OnErrorClosed}},
		{"headers", o.Headers, []string{HeadersDraft, HeadersX, HeadersBoth, HeadersOff}},
	} {
		if !slices.Contains(text.allowed, text.value) {
			words := slices.DeleteFunc(slices.Clone(text.allowed), func(s string) bool { return s == "" })
			return fmt.Errorf("%s is %q; expected %s%s", text.name, text.value, strings.Join(words, ", "), spelling.Hint(text.value, words))
		}
	}
	if _, err := newPace(o.Rate, *o.Burst, per); err != nil {
		return err
	}
	_, err := parseKey(o.Key, o.IPv6)
	return cmp.Or(checkName(o.Name), checkIPv6(o.IPv6), checkStatus(o.Status), err)
}

// ConcurrencyOptions is a limit of how many requests there may be at once. It counts in this process only.
type ConcurrencyOptions struct {
	// The name, as that of a `limit`.
	Name string `json:"name"`

	// How many requests of one key there may be at once. A WebSocket counts until it closes.
	Max int `json:"max"`

	// What requests are told apart by, as for a `limit`. Default: `all`.
	Key []string `json:"key,omitempty"`

	// How many bits of an IPv6 address tell clients apart. Default: 64, a household.
	IPv6 int `json:"ipv6,omitempty"`

	// What to do with requests that lack something of the key: `skip` does not count them. Default: they count
	// together.
	Missing string `json:"missing,omitempty"`

	// How long a request may stand in line. Default: not at all.
	Wait caddy.Duration `json:"wait,omitempty"`

	// How many requests of one key may stand in line. Default: none.
	Queue int `json:"queue,omitempty"`

	// The status of a refusal, from 400 to 599. Default: 503.
	Status int `json:"status,omitempty"`

	// The body of a refusal, as plain text. With it, refusals are answered here, and no `handle_errors` sees them.
	// Default: none.
	Body string `json:"body,omitempty"`

	// Whether the access log names the key of a request that is refused, in `limit_key`. Default: false, since a
	// key may be a secret.
	LogKey bool `json:"log_key,omitempty"`
}

// Bounds of ConcurrencyOptions.
const (
	maxInside = 1_000_000
	maxWait   = time.Hour
)

func (o ConcurrencyOptions) withDefaults() ConcurrencyOptions {
	if len(o.Key) == 0 {
		o.Key = []string{"all"}
	}
	if o.IPv6 == 0 {
		o.IPv6 = 64
	}
	if o.Status == 0 {
		o.Status = http.StatusServiceUnavailable
	}
	return o
}

// Check reports what is wrong with the options.
func (o ConcurrencyOptions) Check() error {
	o = o.withDefaults()
	switch {
	case o.Max < 1 || o.Max > maxInside:
		return fmt.Errorf("max is %d; expected 1 to %d", o.Max, maxInside)
	case o.Wait < 0 || time.Duration(o.Wait) > maxWait:
		return fmt.Errorf("wait is %s; expected at most %s", time.Duration(o.Wait), maxWait)
	case o.Queue < 0 || o.Queue > maxInside:
		return fmt.Errorf("queue is %d; expected 1 to %d", o.Queue, maxInside)
	case (o.Wait > 0) != (o.Queue > 0):
		return errors.New("wait and queue belong together: how long, and how many may stand in line")
	case o.Missing != "" && o.Missing != MissingSkip:
		return fmt.Errorf("missing is %q; expected %s", o.Missing, MissingSkip)
	}
	_, err := parseKey(o.Key, o.IPv6)
	return cmp.Or(checkName(o.Name), checkIPv6(o.IPv6), checkStatus(o.Status), err)
}

// nameForm is what names may be: they stand in header fields, in metrics and in keys of stores.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func checkName(name string) error {
	if name == "" {
		return errors.New("the name is missing")
	}
	if !nameForm.MatchString(name) {
		return fmt.Errorf("the name %q: expected at most 64 letters, digits, ., _ and -", name)
	}
	return nil
}

func checkIPv6(bits int) error {
	if bits < 1 || bits > 128 {
		return fmt.Errorf("ipv6 is %d; expected 1 to 128 bits", bits)
	}
	return nil
}

func checkStatus(status int) error {
	if status < 400 || status > 599 {
		return fmt.Errorf("status is %d; expected 400 to 599", status)
	}
	return nil
}

// parseKey returns what the requests are told apart by.
func parseKey(texts []string, ipv6 int) (*key.Key, error) {
	k, err := key.Parse(texts...)
	k.IPv6 = ipv6
	return &k, err
}

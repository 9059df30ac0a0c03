package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
)

const (
	// firstPause is how long nothing is fetched after a fetch that failed. It doubles each time, up to the cooldown.
	firstPause = time.Second
	// minAge and maxAge bound what the server says of how long its keys may be kept.
	minAge, maxAge = time.Minute, 24 * time.Hour
	// maxDiscovery is the size of the largest description of an issuer, in bytes.
	maxDiscovery = 256 << 10
)

// RemoteConfig says where keys are fetched from, and how often.
type RemoteConfig struct {
	// URL is that of a JWKS.
	URL string
	// Issuer is one whose description says where its keys are, if URL is empty.
	Issuer string
	// Refresh is how old keys get before they are fetched again, unless the server says otherwise.
	Refresh time.Duration
	// Cooldown is the least time between a fetch and the one for a key that is unknown.
	Cooldown time.Duration
	// Stale is for how long keys are used that cannot be fetched again.
	Stale time.Duration
	// Timeout is for one fetch.
	Timeout time.Duration
}

// Check reports an address that cannot be one of keys.
func (c *RemoteConfig) Check() error {
	text := c.URL
	if text == "" {
		text = c.Issuer
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("found %q; expected a URL such as https://idp.example/keys", text)
	}
	return nil
}

// Doer sends requests.
type Doer interface {
	Do(ctx context.Context, r *call.Request) (*call.Response, error)
}

// Remote is a Source of keys that another server has. Nothing is fetched before somebody asks. All times are taken of the clock that nobody
// sets.
type Remote struct {
	config RemoteConfig
	client Doer
	logger *zap.Logger
	ctx    context.Context // ends with the Remote
	cancel context.CancelFunc

	mu      sync.Mutex
	set     *Set
	etag    string
	from    string        // the URL that the set is of
	fetched time.Time     // when the set was known to be right
	due     time.Time     // when it is to be fetched again
	age     time.Duration // between them
	began   time.Time     // the last fetch
	pause   time.Duration // after failures
	flight  *flight       // nil while nothing is fetched
}

// flight is a fetch that others wait for. done is closed at its end; tell, which may be nil, hears before what came of it.
type flight struct {
	done chan struct{}
	tell func(ok bool)
}

// NewRemote returns a source. The caller closes it.
func NewRemote(c RemoteConfig, client Doer, logger *zap.Logger) *Remote {
	ctx, cancel := context.WithCancel(context.Background())
	return &Remote{config: c, client: client, logger: logger, ctx: ctx, cancel: cancel}
}

// Close ends a fetch that is under way.
func (r *Remote) Close() { r.cancel() }

// Get returns the keys. The first call waits until they are fetched; later ones do not, unless nobody has asked for long.
func (r *Remote) Get(c Caller) (*Set, error) { return r.get(c, nil) }

func (r *Remote) get(c Caller, tell func(ok bool)) (*Set, error) {
	set, f := r.look(c, tell)
	if set != nil {
		return set, nil
	}
	if f == nil {
		return nil, ErrUnavailable
	}
	if err := c.Wait(f.wait); err != nil {
		return nil, err
	}
	return r.current()
}

// look returns the keys, or what to wait for. Neither means that there are none.
func (r *Remote) look(c Caller, tell func(ok bool)) (*Set, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	usable := r.usable(now)
	if usable != nil && now.Before(r.due) {
		return usable, nil
	}
	if r.flight == nil && r.mayBegin(now) && c.Fetch(r.name()) {
		r.begin(now, tell)
	}
	if usable != nil && (r.flight == nil || now.Sub(r.fetched) < 2*r.age) {
		return usable, nil
	}
	return nil, r.flight
}

// usable returns the keys, nil if there are none or they are too old.
func (r *Remote) usable(now time.Time) *Set {
	if r.set != nil && now.Sub(r.fetched) >= r.config.Stale {
		return nil
	}
	return r.set
}

// current returns the keys that there are.
func (r *Remote) current() (*Set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if set := r.usable(time.Now()); set != nil {
		return set, nil
	}
	return nil, ErrUnavailable
}

// Renew fetches the keys again after a token of none of them, but not within the cooldown of the last fetch.
func (r *Remote) Renew(c Caller, than *Set) *Set { return r.renew(c, than, nil) }

func (r *Remote) renew(c Caller, than *Set, tell func(ok bool)) *Set {
	set, f := r.claim(c, than, tell)
	if f == nil {
		return set
	}
	if c.Wait(f.wait) != nil {
		return nil
	}
	if set, err := r.current(); err == nil && set != than {
		return set
	}
	return nil
}

// claim returns newer keys, or the fetch that is under way or begins for them.
func (r *Remote) claim(c Caller, than *Set, tell func(ok bool)) (*Set, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.set != than {
		return r.usable(now), nil
	}
	if r.flight == nil && now.Sub(r.began) >= r.config.Cooldown && c.Fetch(r.name()) {
		r.begin(now, tell)
	}
	return nil, r.flight
}

// mayBegin reports whether the pause after a failure is over.
func (r *Remote) mayBegin(now time.Time) bool { return r.pause == 0 || now.Sub(r.began) >= r.pause }

// begin begins a fetch.
func (r *Remote) begin(now time.Time, tell func(ok bool)) {
	f := &flight{done: make(chan struct{}), tell: tell}
	r.flight, r.began = f, now
	go r.run(f)
}

// wait waits for the end of the fetch.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run fetches the keys. What fails leaves those that there are.
func (r *Remote) run(f *flight) {
	ctx, cancel := context.WithTimeout(r.ctx, r.config.Timeout)
	defer cancel()
	r.mu.Lock()
	etag, from := r.etag, r.from
	r.mu.Unlock()
	got, err := r.fetch(ctx, etag, from)
	if f.tell != nil {
		f.tell(err == nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	r.flight = nil
	now := time.Now()
	if err != nil {
		r.pause = min(max(2*r.pause, firstPause), max(r.config.Cooldown, firstPause))
		if r.ctx.Err() == nil {
			r.logger.Warn("keys of tokens were not fetched", zap.String("url", r.name()), zap.Error(err), zap.Bool("old_keys", r.set != nil))
		}
		return
	}
	r.pause, r.fetched, r.age = 0, now, got.age
	r.due = now.Add(got.age - time.Duration(rand.Int64N(int64(got.age/10)+1)))
	if got.set != nil {
		r.set, r.etag, r.from = got.set, got.etag, got.from
	}
}

// name is what is fetched, for people.
func (r *Remote) name() string {
	if r.config.URL != "" {
		return r.config.URL
	}
	return r.config.Issuer
}

// fetched is an answer with keys. The set is nil if it is the one that there is.
type fetched struct {
	set        *Set
	etag, from string
	age        time.Duration
}

// fetch fetches the keys.
func (r *Remote) fetch(ctx context.Context, etag, from string) (*fetched, error) {
	at, err := r.locate(ctx)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Accept": {"application/jwk-set+json, application/json"}}
	if etag != "" && from == at {
		header.Set("If-None-Match", etag)
	}
	res, err := r.client.Do(ctx, &call.Request{URL: at, MaxBody: MaxSet, Header: header, Timeout: r.config.Timeout})
	if err != nil {
		return nil, err
	}
	out := &fetched{etag: res.Header.Get("ETag"), from: at, age: r.ageOf(res.Header)}
	switch {
	case res.Status == http.StatusNotModified && header.Get("If-None-Match") != "":
		return out, nil
	case res.Status != http.StatusOK:
		return nil, fmt.Errorf("the answer has status %d; expected 200", res.Status)
	}
	out.set, err = ParseSet([]byte(res.Body))
	return out, err
}

// locate returns the URL of the keys.
func (r *Remote) locate(ctx context.Context) (string, error) {
	if r.config.URL != "" {
		return r.config.URL, nil
	}
	const path = "/.well-known/openid-configuration"
	res, err := r.client.Do(ctx, &call.Request{
		URL: strings.TrimSuffix(r.config.Issuer, "/") + path, MaxBody: maxDiscovery, Timeout: r.config.Timeout,
	})
	if err != nil {
		return "", err
	}
	if res.Status != http.StatusOK {
		return "", fmt.Errorf("the answer of %s has status %d; expected 200", path, res.Status)
	}
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal([]byte(res.Body), &about); err != nil {
		return "", errors.New("the answer of " + path + " is not JSON")
	}
	if about.Issuer != r.config.Issuer {
		return "", fmt.Errorf("%s is that of the issuer %q; expected %q", path, about.Issuer, r.config.Issuer)
	}
	c := RemoteConfig{URL: about.Keys}
	if err := c.Check(); err != nil || about.Keys == "" {
		return "", fmt.Errorf("%s has the jwks_uri %q; expected a URL", path, about.Keys)
	}
	if strings.HasPrefix(r.config.Issuer, "https:") && !strings.HasPrefix(about.Keys, "https:") {
		return "", fmt.Errorf("%s leads from https to %q", path, about.Keys)
	}
	return about.Keys, nil
}

// ageOf returns for how long keys are kept: as the server says, within bounds.
func (r *Remote) ageOf(h http.Header) time.Duration {
	for part := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
			return min(max(time.Duration(seconds)*time.Second, minAge), maxAge)
		}
	}
	return r.config.Refresh
}

// remotes are the sources of the process. What is configured the same is shared, also by the configuration that replaces another one.
var remotes = caddy.NewUsagePool()

// shared is a source in remotes, with its client.
type shared struct {
	*Remote
	client *call.Client
}

// Destruct ends the source.
func (s *shared) Destruct() error {
	s.Close()
	s.client.Close()
	return nil
}

// told is a Remote that tells one of its users of the fetches that this one has begun.
type told struct {
	*Remote
	tell func(ok bool)
}

// Get returns the keys, as Remote does.
func (t *told) Get(c Caller) (*Set, error) { return t.get(c, t.tell) }

// Renew returns newer keys, as Remote does.
func (t *told) Renew(c Caller, than *Set) *Set { return t.renew(c, than, t.tell) }

// Telling returns the same keys for one of those who use them. It is told what came of the fetches that it has begun, in any goroutine, and
// perhaps long after.
func (r *Remote) Telling(tell func(ok bool)) Source { return &told{r, tell} }

// Open returns the process's source of keys for rules and a configuration. The caller calls release when it does not need it any more.
func Open(rules call.Rules, c RemoteConfig) (r *Remote, release func(), err error) {
	if err := c.Check(); err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal([]any{rules, c})
	if err != nil {
		return nil, nil, err
	}
	key := string(text)
	v, _, err := remotes.LoadOrNew(key, func() (caddy.Destructor, error) {
		client, err := call.New(rules)
		if err != nil {
			return nil, err
		}
		return &shared{NewRemote(c, client, caddy.Log().Named("luaroute.jwt")), client}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return v.(*shared).Remote, func() { _, _ = remotes.Delete(key) }, nil
}

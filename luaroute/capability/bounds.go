package capability

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

// Bounds are the limits of a tenant that its pools keep to.
type Bounds struct {
	// Body is the largest buffer, in bytes.
	Body int64
	// Inside returns nil for the name of a file that the tenant may read. Nil allows none.
	Inside func(file string) error
}

// Within returns a Set whose pools keep to some bounds.
func (s *Set) Within(b Bounds) *Set {
	if s == nil {
		return nil
	}
	bounded := *s
	bounded.bounds = b
	return &bounded
}

const (
	minInterval = time.Second            // of health checks, and of lookups
	minTry      = 100 * time.Millisecond // of tries
	minFlush    = time.Millisecond
	maxRetries  = 100
	maxFail     = time.Minute // how long a failure is remembered: each has a goroutine
	maxWait     = time.Hour
	maxBuffer   = 64 << 10 // of a connection
	maxCheck    = 16 << 10 // of the answer to a health check: Caddy reads all of it, which may never end
)

// bounded reports an option of a module that would cost the machine more than the tenant may, and returns how many active health checks
// it has. Caddy itself refuses what it cannot decode.
func (s *Set) bounded(u nested.Use) (checks int, err error) {
	switch u.ID {
	case PoolID:
		h := new(reverseproxy.Handler)
		if json.Unmarshal(u.Config, h) != nil {
			return 0, nil
		}
		return s.proxy(h)
	case transports + "http":
		t := new(reverseproxy.HTTPTransport)
		if json.Unmarshal(u.Config, t) != nil {
			return 0, nil
		}
		return 0, s.transport(t)
	case "http.reverse_proxy.upstreams.a":
		var a reverseproxy.AUpstreams
		if json.Unmarshal(u.Config, &a) != nil {
			return 0, nil
		}
		return 0, s.lookups(a.Resolver, a.Refresh, a.DialTimeout)
	case "http.reverse_proxy.upstreams.srv":
		var srv reverseproxy.SRVUpstreams
		if json.Unmarshal(u.Config, &srv) != nil {
			return 0, nil
		}
		return 0, first(s.lookups(srv.Resolver, srv.Refresh, srv.DialTimeout), atMost("grace_period", srv.GracePeriod, maxWait))
	case "tls.ca_pool.source.file":
		var file struct {
			Files []string `json:"pem_files"`
		}
		if json.Unmarshal(u.Config, &file) != nil {
			return 0, nil
		}
		return 0, s.files("pem_files", file.Files...)
	}
	return 0, nil
}

func (s *Set) proxy(h *reverseproxy.Handler) (checks int, err error) {
	for _, u := range h.Upstreams {
		if u != nil {
			if err := s.Address(u.Dial); err != nil {
				return 0, err
			}
		}
	}
	err = first(
		s.buffer("request_buffers", h.RequestBuffers, s.bounds.Body), s.buffer("response_buffers", h.ResponseBuffers, s.bounds.Body),
		s.buffer("stream_buffer_size", int64(h.StreamBufferSize), maxBuffer),
		atMost("stream_timeout", h.StreamTimeout, 24*time.Hour), atMost("stream_close_delay", h.StreamCloseDelay, maxWait),
	)
	if h.FlushInterval != -1 {
		err = first(err, atLeast("flush_interval", h.FlushInterval, minFlush), atMost("flush_interval", h.FlushInterval, maxWait))
	}
	if lb := h.LoadBalancing; lb != nil {
		err = first(err, atLeast("try_interval", lb.TryInterval, minTry), atMost("try_duration", lb.TryDuration, maxWait))
		if lb.Retries < 0 || lb.Retries > maxRetries {
			err = first(err, fmt.Errorf("retries is %d; expected 0 to %d", lb.Retries, maxRetries))
		}
	}
	if hc := h.HealthChecks; hc != nil && hc.Passive != nil {
		err = first(err, atMost("fail_duration", hc.Passive.FailDuration, maxFail))
	}
	if hc := h.HealthChecks; hc != nil && hc.Active != nil {
		checks, err = len(h.Upstreams)*atOnce(hc.Active), first(err, s.active(hc.Active))
	}
	return checks, err
}

func (s *Set) active(a *reverseproxy.ActiveHealthChecks) error {
	err := first(atLeast("health_interval", a.Interval, minInterval), atMost("health_timeout", a.Timeout, time.Minute))
	if a.Upstream != "" {
		err = first(err, s.Address(a.Upstream))
	}
	return first(err, s.buffer("health_checks.active.max_size", a.MaxSize, maxCheck))
}

// atOnce is how many checks of one upstream may run at a time: Caddy begins each, whether the one before has ended or not.
func atOnce(a *reverseproxy.ActiveHealthChecks) int {
	interval, timeout := cmp.Or(a.Interval, caddy.Duration(30*time.Second)), cmp.Or(a.Timeout, caddy.Duration(5*time.Second))
	return int(max(1, (timeout+interval-1)/interval))
}

// readLittle bounds what the health checks of a reverse_proxy read where it says nothing of it.
func readLittle(proxy map[string]any) {
	checks, _ := proxy[nested.Key(proxy, "health_checks")].(map[string]any)
	active, _ := checks[nested.Key(checks, "active")].(map[string]any)
	if active == nil {
		return
	}
	key := nested.Key(active, "max_size")
	if size, ok := active[key].(json.Number); ok {
		if n, err := size.Int64(); err != nil || n != 0 {
			return
		}
	}
	active[key] = maxCheck
}

func (s *Set) transport(t *reverseproxy.HTTPTransport) error {
	err := first(
		s.buffer("read_buffer_size", int64(t.ReadBufferSize), maxBuffer), s.buffer("write_buffer_size", int64(t.WriteBufferSize), maxBuffer),
		s.buffer("max_response_header_size", t.MaxResponseHeaderSize, dial.MaxHeader),
		atMost("dial_timeout", t.DialTimeout, maxWait), atMost("response_header_timeout", t.ResponseHeaderTimeout, maxWait),
		atMost("expect_continue_timeout", t.ExpectContinueTimeout, maxWait),
	)
	if a, failed := caddy.ParseNetworkAddress(t.LocalAddress); t.LocalAddress != "" && (failed != nil || a.IsUnixNetwork()) {
		err = first(err, fmt.Errorf("local_address %q: expected an IP address", t.LocalAddress))
	}
	if t.KeepAlive != nil {
		err = first(err, atMost("idle_timeout", t.KeepAlive.IdleConnTimeout, maxWait))
	}
	if t.TLS != nil {
		err = first(
			err, atMost("handshake_timeout", t.TLS.HandshakeTimeout, maxWait),
			//lint:ignore SA1019 scripts can still write it
			s.files("root_ca_pem_files", t.TLS.RootCAPEMFiles...),
			s.files("client_certificate_file", t.TLS.ClientCertificateFile),
			s.files("client_certificate_key_file", t.TLS.ClientCertificateKeyFile),
		)
		if t.TLS.ClientCertificateAutomate != "" {
			err = first(err, errors.New("client_certificate_automate is for the operator's own scripts: it uses certificates that Caddy manages"))
		}
	}
	return err
}

// lookups bounds a dynamic source of upstreams. Caddy itself dials the servers, so they must be IP addresses, which are checked here.
func (s *Set) lookups(resolver *reverseproxy.UpstreamResolver, refresh, timeout caddy.Duration) error {
	err := first(atLeast("refresh", refresh, minInterval), atMost("dial_timeout", timeout, maxWait))
	if resolver == nil {
		return err
	}
	for _, server := range resolver.Addresses {
		a, failed := caddy.ParseNetworkAddressWithDefaults(server, "udp", 53)
		if failed != nil {
			continue // Caddy reports it
		}
		if _, failed := netip.ParseAddr(a.Host); failed != nil {
			err = first(err, fmt.Errorf("resolver %q: expected an IP address", server))
			continue
		}
		if failed := s.Address(a.String()); failed != nil {
			err = first(err, fmt.Errorf("resolver: %w", failed))
		}
	}
	return err
}

// files reports names of files that are not the tenant's.
func (s *Set) files(option string, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		if s.bounds.Inside == nil {
			return fmt.Errorf("%s: there are no files beside the scripts of this tenant", option)
		}
		if err := s.bounds.Inside(name); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
	}
	return nil
}

// buffer reports a size that is out of its bounds. Caddy takes -1 as unlimited.
func (s *Set) buffer(option string, size, most int64) error {
	if size < 0 || size > most {
		return fmt.Errorf("%s is %d bytes; expected 0 to %d", option, size, most)
	}
	return nil
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// atLeast reports a duration that is set and too short, such as a negative one.
func atLeast(option string, d caddy.Duration, least time.Duration) error {
	if d != 0 && time.Duration(d) < least {
		return fmt.Errorf("%s is %s; expected at least %s", option, time.Duration(d), least)
	}
	return nil
}

// atMost reports a duration that is too long, or negative, which may mean forever.
func atMost(option string, d caddy.Duration, most time.Duration) error {
	if d < 0 || time.Duration(d) > most {
		return fmt.Errorf("%s is %s; expected 0 to %s", option, time.Duration(d), most)
	}
	return nil
}

package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/rueidis"
)

// settings is all that a client depends on.
type settings struct {
	Network            string
	Addresses          []string
	Sentinel           string
	Username, Password string
	SentinelUsername   string
	SentinelPassword   string
	DB                 int
	TLS                bool
	ServerName         string
	CA, Cert, Key      []byte // PEM
	Timeout            time.Duration
	DownAfter          int
}

// shortest is the shortest timeout: a network answers no faster.
const shortest = caddy.Duration(time.Millisecond)

// settings reads the configuration, in which placeholders have been replaced.
func (r *Redis) settings() (settings, error) {
	s := settings{
		Sentinel: r.Sentinel, TLS: r.TLS != nil,
		Timeout:   time.Duration(cmp.Or(r.Timeout, defaultTimeout)),
		DownAfter: cmp.Or(r.DownAfter, defaultDownAfter),
	}
	switch {
	case r.Timeout != 0 && r.Timeout < shortest:
		return s, fmt.Errorf("timeout %s: expected at least %s", time.Duration(r.Timeout), time.Duration(shortest))
	case r.DownAfter < 0:
		return s, fmt.Errorf("down_after %d: expected a whole number above 0", r.DownAfter)
	case r.DB < 0:
		return s, fmt.Errorf("db %d: expected a whole number of at least 0", r.DB)
	}
	in, err := s.addresses(r.Addresses)
	if err != nil {
		return s, err
	}
	if s.Sentinel != "" {
		s.SentinelUsername, s.SentinelPassword = in.username, in.password
		in.username, in.password = "", ""
	}
	var conflicts [3]error
	s.Username, conflicts[0] = agreed("username", r.Username, in.username)
	s.Password, conflicts[1] = agreed("password", r.Password, in.password)
	s.DB, conflicts[2] = agreed("db", r.DB, in.db)
	if err := errors.Join(conflicts[:]...); err != nil {
		return s, err
	}
	if s.Username != "" && s.Password == "" {
		return s, errors.New("username: expected a password with it")
	}
	if len(s.Addresses) > 1 && s.Sentinel == "" && s.DB != 0 {
		return s, fmt.Errorf("db %d: several addresses are a cluster, which has only 0", s.DB)
	}
	return s, s.readTLS(r.TLS)
}

// agreed returns a setting that a directive or the address has.
func agreed[T comparable](name string, directive, address T) (T, error) {
	var none T
	if directive != none && address != none && directive != address {
		return none, fmt.Errorf("%s: the address has another one; expected it once", name)
	}
	return cmp.Or(directive, address), nil
}

// addresses reads the addresses, and returns what they say besides.
func (s *settings) addresses(list []string) (address, error) {
	if len(list) == 0 {
		return address{}, errors.New("expected one address or more: " + addressForms)
	}
	port := "6379"
	if s.Sentinel != "" {
		port = "26379"
	}
	var first address
	for i, text := range list {
		a, err := parseAddress(text, port)
		if err != nil {
			return a, err
		}
		if i == 0 {
			first = a
		}
		where := a.address
		if slices.Contains(s.Addresses, where) {
			return a, fmt.Errorf("address %q appears twice", where)
		}
		s.Addresses = append(s.Addresses, where)
		if a.address = first.address; a != first {
			return a, fmt.Errorf("address %q: expected the same scheme, user, password and db in all addresses", where)
		}
	}
	switch unix := first.network == "unix"; {
	case unix && len(list) > 1:
		return first, errors.New("unix://: expected no other address with it")
	case unix && s.TLS:
		return first, errors.New("tls: expected none for unix://")
	}
	s.Network, s.TLS = first.network, s.TLS || first.tls
	return first, nil
}

// readTLS reads the files.
func (s *settings) readTLS(t *TLS) (err error) {
	if t == nil {
		return nil
	}
	s.ServerName = t.ServerName
	if (t.Cert == "") != (t.Key == "") {
		return errors.New("tls: expected cert and key together")
	}
	for _, file := range []struct {
		what, name string
		to         *[]byte
	}{{"ca", t.CA, &s.CA}, {"cert", t.Cert, &s.Cert}, {"key", t.Key, &s.Key}} {
		if file.name == "" {
			continue
		}
		if *file.to, err = os.ReadFile(file.name); err != nil {
			return fmt.Errorf("tls: %s: %w", file.what, err)
		}
	}
	return nil
}

// canonical returns a text that is the same for the same settings only.
func (s settings) canonical() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has strings and numbers only
	}
	return string(text)
}

// dialTimeout is how long a connection may take to be made, with TLS. Nobody waits for it longer than the timeout.
func (s settings) dialTimeout() time.Duration { return max(s.Timeout, time.Second) }

// option returns the options of rueidis. It is told to try nothing again, to cache nothing, and to ask for little.
func (s settings) option() (rueidis.ClientOption, error) {
	secure, err := s.tlsConfig()
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	dialer := net.Dialer{Timeout: s.dialTimeout()}
	return rueidis.ClientOption{
		InitAddress: s.Addresses, ForceSingleClient: len(s.Addresses) == 1,
		Username: s.Username, Password: s.Password, SelectDB: s.DB,
		TLSConfig: secure, Dialer: dialer, ConnWriteTimeout: s.Timeout,
		DialCtxFn: s.dialer(),
		Sentinel: rueidis.SentinelOption{
			MasterSet: s.Sentinel, Username: s.SentinelUsername, Password: s.SentinelPassword,
			TLSConfig: secure, Dialer: dialer,
			TopologyRefreshInterval: 2 * time.Second, // a missed +switch-master would bind it to what was the master
		},
		ClusterOption: rueidis.ClusterOption{MaxMovedRedirections: 3},
		DisableRetry:  true, DisableCache: true,
		ClientName: "luaroute", ClientSetInfo: rueidis.DisableClientSetInfo,
		ReadBufferEachConn: buffer, WriteBufferEachConn: buffer,
	}, nil
}

// buffer is the size of a connection's buffers. Values are mostly small, and rueidis takes 1 MiB a connection.
const buffer = 64 << 10

// dialer dials a Unix socket; nil is what rueidis does.
func (s settings) dialer() func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	if s.Network != "unix" {
		return nil
	}
	return func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		return d.DialContext(ctx, "unix", path)
	}
}

// tlsConfig returns how to connect by TLS, or nil.
func (s settings) tlsConfig() (*tls.Config, error) {
	if !s.TLS {
		return nil, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if s.CA != nil {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(s.CA) {
			return nil, errors.New("tls: ca: expected a PEM file with a certificate")
		}
	}
	if s.Cert != nil {
		pair, err := tls.X509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: cert and key: %w", err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return secure, nil
}

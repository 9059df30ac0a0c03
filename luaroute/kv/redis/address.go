package redis

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// addressForms is what addresses look like, for errors.
const addressForms = "host:port, redis://, rediss:// or unix://"

// address is one address, read.
type address struct {
	network, address   string
	tls                bool
	username, password string
	db                 int
}

// parseAddress reads an address. An error shows no password.
func parseAddress(text, port string) (address, error) {
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL {
		where, err := hostPort(text, port)
		return address{network: "tcp", address: where}, err
	}
	u, err := url.Parse(text)
	if err != nil { // it quotes the URL
		return address{}, fmt.Errorf("an address that begins with %q is not a URL; special characters in a password are written as %%40", scheme+"://")
	}
	a := address{network: "tcp", username: u.User.Username()}
	a.password, _ = u.User.Password()
	shown := scheme + "://" + u.Host + u.Path // all but secrets
	fail := func(format string, args ...any) (address, error) {
		return a, fmt.Errorf("address %q: %s", shown, fmt.Sprintf(format, args...))
	}
	db := ""
	switch scheme {
	case "redis", "rediss", "valkey", "valkeys":
		a.tls = scheme == "rediss" || scheme == "valkeys"
		if u.RawQuery != "" || u.Fragment != "" {
			return fail("unexpected ? or #; settings have directives of their own")
		}
		if a.address, err = hostPort(u.Host, port); err != nil {
			return fail("expected a host")
		}
		db = strings.TrimPrefix(u.Path, "/")
	case "unix":
		if u.Host != "" || u.Path == "" {
			return fail("expected an absolute path: unix:///run/redis.sock")
		}
		a.network, a.address = "unix", u.Path
		query := u.Query()
		db = query.Get("db")
		if query.Del("db"); len(query) > 0 {
			return fail("expected ?db=NUMBER or nothing after the path")
		}
	default:
		return fail("expected %s", addressForms)
	}
	if db != "" {
		if a.db, err = strconv.Atoi(db); err != nil || a.db < 0 {
			return fail("expected the number of a database, found %q", db)
		}
	}
	return a, nil
}

// hostPort returns an address with a port.
func hostPort(text, port string) (string, error) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, " /@[]") {
		text = text[strings.LastIndex(text, "@")+1:] // what is before it may be a password
		return "", fmt.Errorf("address %q: expected %s", text, addressForms)
	}
	return net.JoinHostPort(host, port), nil
}

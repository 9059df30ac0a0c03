package caddyfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// word reads one argument.
func word(to *string) reader {
	return func(h httpcaddyfile.Helper) (err error) {
		*to, err = argument(h)
		return err
	}
}

// choice reads one argument that must be one of those allowed.
func choice(to *string, allowed ...string) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		value, err := argument(h)
		if err != nil {
			return err
		}
		if !slices.Contains(allowed, value) {
			return h.Errf("%s: expected %s, found %q", name, oneOf(allowed), value)
		}
		*to = value
		return nil
	}
}

// words adds one or more arguments to a list without duplicates.
func words(to *[]string) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		if h.CountRemainingArgs() == 0 {
			return h.Errf("%s: expected one value or more, found none", name)
		}
		for h.NextArg() {
			switch {
			case h.Val() == "":
				return h.Errf("%s: expected values that are not empty", name)
			case slices.Contains(*to, h.Val()):
				return h.Errf("%s: %q appears twice", name, h.Val())
			}
			*to = append(*to, h.Val())
		}
		return nil
	}
}

// flag reads a subdirective whose presence says it all.
func flag(to *bool) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		if h.NextArg() {
			return h.Errf("%s: expected no value, found %q", name, h.Val())
		}
		*to = true
		return nil
	}
}

// number reads a whole number. It is limited to 32 bits because Caddy carries the numbers of a configuration as
// floating point, which would silently round larger ones.
func number(to *int) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		value, err := argument(h)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return h.Errf("%s: expected a whole number of at most 32 bits, found %q", name, value)
		}
		*to = int(n)
		return nil
	}
}

// argument returns the only argument of a subdirective.
func argument(h httpcaddyfile.Helper) (string, error) {
	name := h.Val()
	args := h.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return "", h.Errf("%s: expected one value, found %s", name, found(args))
	}
	return args[0], nil
}

// found shows arguments in an error.
func found(args []string) string {
	if len(args) == 0 {
		return "none"
	}
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = strconv.Quote(arg)
	}
	return strings.Join(quoted, " ")
}

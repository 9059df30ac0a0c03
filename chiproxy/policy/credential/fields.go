package credential

import (
	"fmt"
	"net/textproto"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Fields returns names of header fields that say who a request is from, in canonical form.
func Fields(names ...string) ([]string, error) {
	out := make([]string, len(names))
	for i, name := range names {
		if err := field.Check(name, "x"); err != nil {
			return nil, err
		}
		switch out[i] = textproto.CanonicalMIMEHeaderKey(name); out[i] {
		case "Host", "Cookie", "Authorization", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host":
			return nil, fmt.Errorf("the field %s means something else; expected one such as X-User", out[i])
		}
	}
	return out, nil
}

// CheckRealm reports a realm that cannot stand in quotes.
func CheckRealm(realm string) error {
	if strings.ContainsFunc(realm, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) {
		return fmt.Errorf("realm: found %s; allowed is ASCII without quotes and backslashes", field.Quote(realm))
	}
	return nil
}

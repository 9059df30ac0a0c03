package instance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// A script that is being saved may be empty for a moment, and one that was cut off may end before its first route. Such a script is
// a good one, which declares nothing: its table would let everything pass that the one before has guarded. So a reload must
// not lose all of something. Whoever wants that says so in the configuration, or by deleting a script; the load of a
// configuration may have scripts that declare nothing.

// content is what the scripts of one tenant were.
type content struct {
	tenant string
	// blank says of each script and module whether there was no code in it.
	blank map[string]bool
	// declares reports whether they have declared anything.
	declares bool
	// folders are those of the scripts.
	folders []string
}

// lost returns an error if scripts or modules that had code have none any more, or if those of a tenant declare nothing any more.
// The last is allowed where a script was deleted on purpose.
func lost(before, now []content, deleted bool) error {
	for _, is := range now {
		at := slices.IndexFunc(before, func(c content) bool { return c.tenant == is.tenant })
		if at < 0 {
			continue
		}
		was := before[at]
		for _, name := range slices.Sorted(maps.Keys(is.blank)) {
			if blank, known := was.blank[name]; known && !blank && is.blank[name] {
				return fmt.Errorf("%s: it has no code any more; %s", name, deliberately)
			}
		}
		if was.declares && !is.declares && !deleted {
			return errors.New(is.nothing() + "; " + deliberately)
		}
	}
	return nil
}

// deliberately is what to do for those who mean it.
const deliberately = "a reload of scripts does not accept that: to serve without it, take it out of the configuration, " +
	"or load the configuration again (caddy reload --force)"

// nothing says whose scripts declare nothing.
func (c *content) nothing() string {
	of := ""
	if c.tenant != "" {
		of = fmt.Sprintf(" of tenant %q", c.tenant)
	}
	if len(c.blank) == 0 {
		return "the sources" + of + " have no script any more"
	}
	return fmt.Sprintf("the scripts%s declare nothing any more: %s", of, strings.Join(slices.Sorted(maps.Keys(c.blank)), ", "))
}

// warn logs scripts without code.
func (l *loaded) warn(logger *zap.Logger) {
	for _, c := range l.contents {
		for _, name := range slices.Sorted(maps.Keys(c.blank)) {
			if c.blank[name] {
				logger.Warn("there is no code in a script", zap.String("script", name), zap.String("tenant", c.tenant))
			}
		}
	}
	first := map[string]string{}
	for _, c := range l.contents {
		for _, folder := range c.folders {
			other, shared := first[folder]
			if !shared {
				first[folder] = c.tenant
			} else if other != c.tenant { // one of them at least is isolated
				logger.Warn("tenants with scripts in one folder can read each other's; give each a folder of its own",
					zap.String("folder", folder), zap.Strings("tenants", []string{other, c.tenant}))
			}
		}
	}
}

package instance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// A script that is being saved may be empty for a moment, and one that was cut off may end before its first route. It loads without error
// and declares nothing, so its table would let pass everything that the old one guarded. So a reload refuses to lose all of something. To
// do so, change the configuration or delete the script; the load of a configuration accepts scripts that declare nothing.

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

// lost returns an error if scripts or modules that had code have none any more, or if those of a tenant no longer declare anything.
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
				return fmt.Errorf("%s: it no longer has any code; %s", name, deliberately)
			}
		}
		if was.declares && !is.declares && !deleted {
			return errors.New(is.nothing() + "; " + deliberately)
		}
	}
	return nil
}

// deliberately says how to do it on purpose.
const deliberately = "a reload refuses that: to serve without it, remove it from the configuration, " +
	"or load the configuration again (caddy reload --force)"

// nothing describes scripts that declare nothing.
func (c *content) nothing() string {
	of := ""
	if c.tenant != "" {
		of = fmt.Sprintf(" of tenant %q", c.tenant)
	}
	if len(c.blank) == 0 {
		return "the sources" + of + " no longer have a script"
	}
	return fmt.Sprintf("the scripts%s no longer declare anything: %s", of, strings.Join(slices.Sorted(maps.Keys(c.blank)), ", "))
}

// warn logs scripts without code, what is not counted by itself, and folders that several tenants have.
func (l *loaded) warn(logger *zap.Logger) {
	for _, c := range l.contents {
		for _, name := range slices.Sorted(maps.Keys(c.blank)) {
			if c.blank[name] {
				logger.Warn("a script has no code", zap.String("script", name), zap.String("tenant", c.tenant))
			}
		}
	}
	if n := l.series.Left(); n > 0 {
		logger.Warn("there are more patterns than metrics.max_series allows; those with the shortest fixed texts are counted as _other", zap.Int("patterns", n))
	}
	if n := l.series.LeftCustoms(); n > 0 {
		logger.Warn("metrics of scripts have more series than metrics.max_series allows; some are in the numbers of stats alone", zap.Int("metrics", n))
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

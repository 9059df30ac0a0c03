package caddyfile

import (
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// metrics reads what is counted: metrics [pattern|tenant|off] { max_series <n>, histogram <how>, buckets <seconds>..., native, methods }
func metrics(to **config.Metrics) reader {
	return func(h httpcaddyfile.Helper) error {
		m := new(config.Metrics)
		*to = m
		if h.NextArg() {
			if !slices.Contains(config.Fineness, h.Val()) {
				return h.Errf("metrics: expected %s, found %q", oneOf(config.Fineness), h.Val())
			}
			m.By = h.Val()
		}
		if h.NextArg() {
			return h.Errf("metrics: expected one value, found %q, too", h.Val())
		}
		if err := readBlock(h, []subdirective{
			{"max_series", once, number(&m.MaxSeries)},
			{"histogram", once, choice(&m.Histogram, config.Fineness...)},
			{"buckets", once, seconds(&m.Buckets)},
			{"native", once, flag(&m.Native)},
			{"methods", once, flag(&m.Methods)},
		}); err != nil {
			return err
		}
		if err := m.Check(); err != nil {
			return atHead(h).Errf("%s", err)
		}
		return nil
	}
}

// seconds reads numbers of seconds.
func seconds(to *[]float64) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		args := h.RemainingArgs()
		if len(args) == 0 {
			return h.Errf("%s: expected numbers of seconds, found none", name)
		}
		for _, arg := range args {
			n, err := strconv.ParseFloat(arg, 64)
			if err != nil {
				return h.Errf("%s: expected numbers of seconds, found %q", name, arg)
			}
			*to = append(*to, n)
		}
		return nil
	}
}

// telemetry reads what requests say of themselves: telemetry { placeholders, log_fields, spans }
func telemetry(to **config.Telemetry) reader {
	return func(h httpcaddyfile.Helper) error {
		t := new(config.Telemetry)
		*to = t
		if h.NextArg() {
			return h.Errf("telemetry: expected a block, found %q", h.Val())
		}
		return readBlock(h, []subdirective{
			{"placeholders", once, choice(&t.Placeholders, config.On, config.Off, config.Auto)},
			{"log_fields", once, choice(&t.LogFields, config.On, config.Off)},
			{"spans", once, choice(&t.Spans, config.On, config.Off, config.Hooks)},
		})
	}
}

// dev reads dev [force].
func dev(to *string) reader {
	return func(h httpcaddyfile.Helper) error {
		*to = config.DevOn
		if h.CountRemainingArgs() == 0 {
			return nil
		}
		return choice(to, config.DevForce)(h)
	}
}

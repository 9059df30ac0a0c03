package time

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// maxLayout is the size of the largest layout, and maxText that of the largest string that is parsed, in bytes.
	maxLayout = 256
	maxText   = 1024
)

// layout says how a time is written.
type layout struct {
	format func(time.Time) string
	// parse reads a time; the zone is for strings that have none.
	parse func(text string, zone *time.Location) (time.Time, error)
	// gmt says that no other zone can be written.
	gmt bool
}

// named are the layouts with a name.
var named = map[string]layout{
	"rfc3339": {
		format: func(t time.Time) string { return t.Format(time.RFC3339) },
		parse: func(text string, _ *time.Location) (time.Time, error) {
			return standard(time.Parse(time.RFC3339, text))(text, "2026-05-04T10:00:00Z")
		},
	},
	"http":    httpDate,
	"rfc1123": httpDate,
}

// httpDate is the layout of the header Date. The two older forms that HTTP knows are read, too.
var httpDate = layout{
	format: func(t time.Time) string { return t.UTC().Format(http.TimeFormat) },
	parse: func(text string, _ *time.Location) (time.Time, error) {
		return standard(http.ParseTime(text))(text, "Mon, 04 May 2026 10:00:00 GMT")
	},
	gmt: true,
}

// standard turns an error of Go, which speaks of its own layouts, into one of ours.
func standard(t time.Time, err error) func(text, example string) (time.Time, error) {
	return func(text, example string) (time.Time, error) {
		if err != nil {
			err = fmt.Errorf("time: found %s; expected a time such as %q", short(text), example)
		}
		return t, err
	}
}

// layoutOf returns a layout by its name or its directives.
func layoutOf(text string) (layout, error) {
	if l, ok := named[text]; ok {
		return l, nil
	}
	if len(text) > maxLayout {
		return layout{}, fmt.Errorf("the layout has %d bytes; allowed are %d", len(text), maxLayout)
	}
	if !strings.Contains(text, "%") {
		names := strings.Join(slices.Sorted(maps.Keys(named)), ", ")
		return layout{}, fmt.Errorf("no layout %s; allowed are %s and strings with directives such as %%Y-%%m-%%d", short(text), names)
	}
	items, err := compile(text)
	if err != nil {
		return layout{}, err
	}
	return layout{format: items.format, parse: items.parse}, nil
}

// items are a layout of directives, and the literal text between them.
type items []item

type item struct {
	text      string
	directive *directive
}

// compile reads a layout of directives.
func compile(text string) (items, error) {
	var all items
	for text != "" {
		i := strings.IndexByte(text, '%')
		if i != 0 {
			if i < 0 {
				i = len(text)
			}
			all = append(all, item{text: text[:i]})
			text = text[i:]
			continue
		}
		if len(text) == 1 {
			return nil, fmt.Errorf("the layout ends with %%; a per cent sign is %%%%")
		}
		c := text[1]
		text = text[2:]
		if c == '%' {
			all = append(all, item{text: "%"})
		} else if whole, ok := composed[c]; ok {
			text = whole + text
		} else if d, ok := directives[c]; ok {
			all = append(all, item{directive: d})
		} else {
			return nil, fmt.Errorf("no directive %q; allowed are %s", "%"+string(c), allowed())
		}
	}
	return all, nil
}

// allowed lists the directives.
func allowed() string {
	letters := slices.Concat([]byte{'%'}, slices.Collect(maps.Keys(composed)), slices.Collect(maps.Keys(directives)))
	slices.Sort(letters)
	return "%" + strings.Join(strings.Split(string(letters), ""), " %")
}

func (all items) format(t time.Time) string {
	var out []byte
	for _, it := range all {
		switch d := it.directive; {
		case d == nil:
			out = append(out, it.text...)
		case d.write != nil:
			out = d.write(out, t)
		default:
			out = t.AppendFormat(out, d.layout)
		}
	}
	return string(out)
}

func (all items) parse(text string, zone *time.Location) (time.Time, error) {
	f := fields{year: 1970, month: 1, day: 1, zone: zone}
	rest := text
	for _, it := range all {
		before := rest
		ok, wanted := false, fmt.Sprintf("%q", it.text)
		if d := it.directive; d == nil {
			rest, ok = strings.CutPrefix(rest, it.text)
		} else {
			rest, ok = d.read(rest, &f)
			wanted = d.wanted
		}
		if !ok {
			return time.Time{}, fmt.Errorf("time: found %s at byte %d; expected %s", short(before), len(text)-len(before), wanted)
		}
	}
	if rest != "" {
		return time.Time{}, fmt.Errorf("time: found %s at byte %d; expected the end", short(rest), len(text)-len(rest))
	}
	return f.time()
}

// short quotes a string for an error, or its beginning.
func short(text string) string {
	if len(text) > 40 {
		return fmt.Sprintf("%q…", text[:40])
	}
	return fmt.Sprintf("%q", text)
}

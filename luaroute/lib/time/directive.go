package time

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// directive is one of the directives of a layout.
type directive struct {
	// layout is the same for Go; write writes what Go has no layout for.
	layout string
	write  func([]byte, time.Time) []byte
	// read reads its part from the front of a string. wanted says what that is.
	read   func(text string, f *fields) (rest string, ok bool)
	wanted string
}

// composed are directives that stand for several.
var composed = map[byte]string{'F': "%Y-%m-%d", 'T': "%H:%M:%S", 'R': "%H:%M"}

// directives are those of strftime, and %f for microseconds.
var directives = map[byte]*directive{
	'Y': number("2006", 4, 1, 9999, func(f *fields, n int) { f.year = n }),
	'y': number("06", 2, 0, 99, func(f *fields, n int) { f.year = 1969 + (n+31)%100 }),
	'm': number("01", 2, 1, 12, func(f *fields, n int) { f.month, f.yearDay = n, 0 }),
	'd': number("02", 2, 1, 31, func(f *fields, n int) { f.day, f.yearDay = n, 0 }),
	'e': padded(number("_2", 2, 1, 31, func(f *fields, n int) { f.day, f.yearDay = n, 0 })),
	'j': number("002", 3, 1, 366, func(f *fields, n int) { f.yearDay = n }),
	'H': number("15", 2, 0, 23, func(f *fields, n int) { f.hour, f.half = n, 0 }),
	'I': number("03", 2, 1, 12, func(f *fields, n int) { f.hour = n % 12 }),
	'p': names("PM", []string{"AM", "PM"}, func(f *fields, n int) { f.half = 12 * n }),
	'M': number("04", 2, 0, 59, func(f *fields, n int) { f.minute = n }),
	'S': number("05", 2, 0, 59, func(f *fields, n int) { f.second = n }),
	'b': names("Jan", months(3), func(f *fields, n int) { f.month, f.yearDay = n+1, 0 }),
	'B': names("January", months(0), func(f *fields, n int) { f.month, f.yearDay = n+1, 0 }),
	'a': names("Mon", weekdays(3), func(*fields, int) {}),
	'A': names("Monday", weekdays(0), func(*fields, int) {}),
	'Z': names("MST", []string{"UTC", "GMT"}, func(f *fields, _ int) { f.zone = time.UTC }),
	'z': {layout: "-0700", read: readOffset, wanted: "an offset such as +0200"},
	'f': {write: writeMicros, read: readMicros, wanted: "1 to 6 digits"},
	's': {write: writeEpoch, read: readEpoch, wanted: "seconds since 1970"},
}

// number is a directive of exactly so many digits.
func number(layout string, digits, least, most int, set func(*fields, int)) *directive {
	return &directive{
		layout: layout, wanted: fmt.Sprintf("%0*d to %d", digits, least, most),
		read: func(text string, f *fields) (string, bool) {
			n, rest, ok := scanDigits(text, digits, digits)
			if !ok || n < least || n > most {
				return text, false
			}
			set(f, n)
			return rest, true
		},
	}
}

// padded lets a blank stand for the first zero.
func padded(d *directive) *directive {
	read := d.read
	d.read = func(text string, f *fields) (string, bool) {
		if strings.HasPrefix(text, " ") {
			text = "0" + text[1:]
		}
		return read(text, f)
	}
	return d
}

// names is a directive of words, in upper or lower case.
func names(layout string, words []string, set func(*fields, int)) *directive {
	return &directive{
		layout: layout, wanted: words[0] + " to " + words[len(words)-1],
		read: func(text string, f *fields) (string, bool) {
			for i, word := range words {
				if len(text) >= len(word) && strings.EqualFold(text[:len(word)], word) {
					set(f, i)
					return text[len(word):], true
				}
			}
			return text, false
		},
	}
}

// months returns the names of the months, cut off to a length that is not 0.
func months(length int) []string {
	var all []string
	for m := time.January; m <= time.December; m++ {
		all = append(all, cut(m.String(), length))
	}
	return all
}

// weekdays does the same for the days of the week.
func weekdays(length int) []string {
	var all []string
	for d := time.Sunday; d <= time.Saturday; d++ {
		all = append(all, cut(d.String(), length))
	}
	return all
}

func cut(name string, length int) string {
	if length == 0 {
		return name
	}
	return name[:length]
}

// scanDigits reads a number of least to most digits from the front of a string.
func scanDigits(text string, least, most int) (n int, rest string, ok bool) {
	i := 0
	for ; i < min(len(text), most) && '0' <= text[i] && text[i] <= '9'; i++ {
		n = n*10 + int(text[i]-'0')
	}
	return n, text[i:], i >= least
}

// scanOffset reads an offset from UTC from the front of a string: +hh:mm or +hhmm, in seconds.
func scanOffset(text string) (offset int, rest string, ok bool) {
	if text == "" || text[0] != '+' && text[0] != '-' {
		return 0, text, false
	}
	hours, rest, ok := scanDigits(text[1:], 2, 2)
	if !ok {
		return 0, text, false
	}
	minutes, rest, ok := scanDigits(strings.TrimPrefix(rest, ":"), 2, 2)
	if !ok || hours > 23 || minutes > 59 {
		return 0, text, false
	}
	offset = hours*3600 + minutes*60
	if text[0] == '-' {
		offset = -offset
	}
	return offset, rest, true
}

func readOffset(text string, f *fields) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "Z"); ok {
		f.zone = time.UTC
		return rest, true
	}
	offset, rest, ok := scanOffset(text)
	if ok {
		f.zone = time.FixedZone("", offset)
	}
	return rest, ok
}

func writeMicros(out []byte, t time.Time) []byte {
	return fmt.Appendf(out, "%06d", t.Nanosecond()/1000)
}

func readMicros(text string, f *fields) (string, bool) {
	n, rest, ok := scanDigits(text, 1, 6)
	for range 6 - (len(text) - len(rest)) {
		n *= 10
	}
	f.micros = n
	return rest, ok
}

func writeEpoch(out []byte, t time.Time) []byte { return strconv.AppendInt(out, t.Unix(), 10) }

func readEpoch(text string, f *fields) (string, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	n, rest, ok := scanDigits(digits, 1, 12)
	if negative {
		n = -n
	}
	f.epoch = &n
	return rest, ok && earliest <= n && n <= latest
}

// fields are what was read of a time.
type fields struct {
	year, month, day             int
	yearDay                      int // instead of month and day, if it is not 0
	hour, minute, second, micros int
	half                         int  // hours to add to those of twelve
	epoch                        *int // instead of all but micros
	zone                         *time.Location
}

// time returns the time that the fields say.
func (f *fields) time() (time.Time, error) {
	nanos := f.micros * 1000
	if f.epoch != nil {
		return time.Unix(int64(*f.epoch), int64(nanos)), nil
	}
	month, day := f.month, f.day
	if f.yearDay > 0 {
		month, day = 1, f.yearDay
	}
	date := time.Date(f.year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Year() != f.year || f.yearDay == 0 && date.Day() != day {
		return time.Time{}, fmt.Errorf("time: there is no day %d in %s", day, f.period())
	}
	return time.Date(f.year, time.Month(month), day, f.hour+f.half, f.minute, f.second, nanos, f.zone), nil
}

// period is the month or year that the fields name a day of.
func (f *fields) period() string {
	if f.yearDay > 0 {
		return strconv.Itoa(f.year)
	}
	return fmt.Sprintf("%04d-%02d", f.year, f.month)
}

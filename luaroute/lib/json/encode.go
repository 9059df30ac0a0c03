package json

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// maxDepth is how deep tables may be nested. It stops a table that contains itself.
	maxDepth = 200
	// maxText is the size of the largest JSON that is written, in bytes.
	maxText = 64 << 20
	// maxValues is how many values are written.
	maxValues = 1 << 20
)

// null is the type of Null.
type null struct{}

// Immutable marks it as shared by all states.
func (null) Immutable() {}

// Null stands for null in tables.
var Null = &lua.LUserData{Value: null{}, Metatable: nullType()}

func nullType() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 1)
	t.RawSetString("__metatable", lua.LString("json.null"))
	return t
}

// arrayMark is what getmetatable returns for a list.
const arrayMark = lua.LString("json.array")

// arrayType is the metatable that marks lists.
var arrayType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 1)
	t.RawSetString("__metatable", arrayMark)
	return t
}()

func markArray(t *lua.LTable) *lua.LTable {
	t.Metatable = arrayType
	return t
}

// isArray reports whether t is marked as a list. States have copies of the metatable, so its content counts.
func isArray(t *lua.LTable) bool {
	mark, ok := t.Metatable.(*lua.LTable)
	return ok && mark.RawGetString("__metatable") == arrayMark
}

// EncodeExactly is Encode for what has to be read back as it was: strings must be UTF-8, and tables at most so deep.
func EncodeExactly(L *lua.LState, v lua.LValue, depth int) ([]byte, error) {
	w := &writer{L: L, deepest: depth}
	text, err := written(w, v)
	if err == nil && w.replaced {
		return nil, errors.New("json: a string is not UTF-8, which JSON cannot hold")
	}
	return text, err
}

// Encode returns the JSON of a Lua value. Keys of objects are sorted. Its work is bounded, whatever the value is. A
// Go function that a script calls passes its thread, and Encode does not return if the budget ends; others pass nil.
func Encode(L *lua.LState, v lua.LValue) ([]byte, error) {
	return written(&writer{L: L, deepest: maxDepth}, v)
}

// written returns what a writer makes of a value.
func written(w *writer, v lua.LValue) ([]byte, error) {
	err := w.value(v, 0)
	if w.L != nil {
		w.spend()
		vm.Charge(w.L, len(w.text))
	}
	if err != nil {
		return nil, err
	}
	return w.text, nil
}

// writer writes a value.
type writer struct {
	text         []byte
	values, keys int         // how many were written, and looked at
	spent        int         // of steps
	L            *lua.LState // whose budget counts, or nil
	deepest      int
	replaced     bool // bytes that are not UTF-8
}

// steps returns the work so far, in steps.
func (w *writer) steps() int { return w.values + w.keys + len(w.text)/64 }

// spend counts the work since its last call.
func (w *writer) spend() {
	done := w.steps()
	vm.Spend(w.L, done-w.spent)
	w.spent = done
}

func (w *writer) value(v lua.LValue, depth int) error {
	if w.L != nil && w.values%1000 == 0 {
		w.spend()
	}
	if w.values++; w.values > maxValues { // small tables that share tables may become very long JSON
		return fmt.Errorf("json: more than %d values", maxValues)
	}
	if len(w.text) > maxText {
		return fmt.Errorf("json: the text is larger than %d MiB", maxText>>20)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		w.text = append(w.text, "null"...)
		return nil
	case lua.LBool:
		w.text = strconv.AppendBool(w.text, bool(v))
		return nil
	case lua.LNumber:
		return w.number(float64(v))
	case lua.LString:
		w.string(string(v))
		return nil
	case *lua.LUserData:
		if v.Value == (null{}) {
			w.text = append(w.text, "null"...)
			return nil
		}
	case *lua.LTable:
		if depth == w.deepest {
			return fmt.Errorf("json: more than %d nested tables, or a table that contains itself", w.deepest)
		}
		return w.table(v, depth+1)
	}
	return fmt.Errorf("json: a %s has no JSON form", v.Type())
}

func (w *writer) number(n float64) error {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return fmt.Errorf("json: %v has no JSON form", n)
	}
	w.text = appendNumber(w.text, n)
	return nil
}

func appendNumber(b []byte, n float64) []byte {
	if n == math.Trunc(n) && math.Abs(n) < 1<<63 {
		return strconv.AppendInt(b, int64(n), 10)
	}
	return strconv.AppendFloat(b, n, 'g', -1, 64)
}

// string writes a string. Bytes that are not UTF-8 become U+FFFD, as in all of Go.
func (w *writer) string(s string) {
	b := append(w.text, '"')
	from, due := 0, stringPiece
	for i := 0; i < len(s); {
		if i >= due && w.L != nil {
			vm.Spend(w.L, stringPiece/16)
			due += stringPiece
		}
		c, size := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		escape := ""
		switch {
		case c == '"':
			escape = `\"`
		case c == '\\':
			escape = `\\`
		case c == '\n':
			escape = `\n`
		case c == '\r':
			escape = `\r`
		case c == '\t':
			escape = `\t`
		case c < ' ':
			escape = controls[c]
		case c == utf8.RuneError && size == 1:
			escape, w.replaced = "\ufffd", true
		}
		if escape != "" {
			b = append(append(b, s[from:i]...), escape...)
			from = i + size
		}
		i += size
	}
	w.text = append(append(b, s[from:]...), '"')
}

// stringPiece is how many bytes of a string are written before they are counted.
const stringPiece = 64 << 10

// controls are the escapes of control characters.
var controls = func() (all [' ']string) {
	for c := range all {
		all[c] = fmt.Sprintf(`\u%04x`, c)
	}
	return all
}()

func (w *writer) table(t *lua.LTable, depth int) error {
	n, keys, err := w.shape(t)
	if err != nil {
		return err
	}
	if n == 0 && !isArray(t) {
		return w.object(t, keys, depth)
	}
	if len(keys) > 0 {
		return fmt.Errorf("json: a list has the key %q", keys[0])
	}
	w.text = append(w.text, '[')
	x := exactOf(t)
	for i := 1; i <= n; i++ {
		if i > 1 {
			w.text = append(w.text, ',')
		}
		if err := w.element(x, lua.LNumber(i), t.RawGetInt(i), depth); err != nil {
			return err
		}
	}
	w.text = append(w.text, ']')
	return nil
}

// element writes a value of a list or object, in its original form if the table remembers that.
func (w *writer) element(x *exact, key, v lua.LValue, depth int) error {
	if text := x.text(key, v); text != "" {
		w.values++
		w.text = append(w.text, text...)
		return nil
	}
	return w.value(v, depth)
}

func (w *writer) object(t *lua.LTable, keys []string, depth int) error {
	w.text = append(w.text, '{')
	x := exactOf(t)
	for i, key := range keys {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		w.string(key)
		w.text = append(w.text, ':')
		if err := w.element(x, lua.LString(key), t.RawGetString(key), depth); err != nil {
			return err
		}
	}
	w.text = append(w.text, '}')
	return nil
}

// shape returns the length of the list in t and its other keys, sorted.
func (w *writer) shape(t *lua.LTable) (n int, keys []string, err error) {
	count, largest := 0, 0.0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		if w.keys++; w.L != nil && w.keys%1000 == 0 {
			w.spend()
		}
		switch k := k.(type) {
		case lua.LString:
			keys = append(keys, string(k))
		case lua.LNumber:
			count, largest = count+1, max(largest, float64(k))
			if f := float64(k); f < 1 || f != math.Trunc(f) {
				return 0, nil, fmt.Errorf("json: the key %v is not a string and not a place in a list", f)
			}
		default:
			return 0, nil, fmt.Errorf("json: a %s is a key; allowed are strings, and 1 to n for lists", k.Type())
		}
	}
	if largest != float64(count) {
		return 0, nil, fmt.Errorf("json: a list of %d values goes up to %v; it must have no holes", count, largest)
	}
	if count > 0 && len(keys) > 0 {
		return 0, nil, fmt.Errorf("json: a table has list values and the key %q", slices.Min(keys))
	}
	if w.L == nil {
		slices.Sort(keys)
		return count, keys, nil
	}
	vm.SortNames(w.L, keys)
	return count, keys, nil
}

package script

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// Error is an error of a script.
type Error struct {
	// Script is the name of the script, empty if unknown.
	Script string
	// Line is the line in it, 0 if unknown.
	Line int
	// Message says what happened, without the place.
	Message string
	// Trace is the call stack of the script, for logs. It may be empty.
	Trace string
	// Err is the Go error behind this one, if there is one.
	Err error
}

// Error returns script:line: message, or as much of it as is known.
func (e *Error) Error() string {
	switch {
	case e.Script == "":
		return e.Message
	case e.Line == 0:
		return e.Script + ": " + e.Message
	}
	return e.Script + ":" + strconv.Itoa(e.Line) + ": " + e.Message
}

// Unwrap returns the Go error behind this one.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns any error of Lua as an *Error, with the place of its origin. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return &Error{Message: err.Error(), Err: err}
	}
	if api.Cause != nil {
		return compileError("", api.Cause)
	}
	e := &Error{Trace: api.StackTrace}
	switch v := api.Object.(type) {
	case lua.LString, lua.LNumber:
		e.Script, e.Line, e.Message = split(cut(v.String()), api.StackTrace)
	case *lua.LUserData:
		if cause, ok := v.Value.(error); ok {
			e.Err, e.Message = cause, cause.Error()
			break
		}
		e.Message = "an error object that is a userdata"
	case *lua.LTable:
		e.Message = tableMessage(v)
	default:
		e.Message = "an error object that is a " + typeName(api.Object) + " value"
	}
	if e.Script == "" {
		e.Script, e.Line = tracePlace(api.StackTrace)
	}
	return e
}

// maxMessage is the size of the longest message of an error, in bytes.
const maxMessage = 64 << 10

// cut returns the beginning of a long text.
func cut(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}

// tableMessage describes a table used as an error: by its message if it has one.
func tableMessage(t *lua.LTable) string {
	for _, key := range []string{"message", "msg", "error"} {
		if s, ok := t.RawGetString(key).(lua.LString); ok {
			return cut(string(s))
		}
	}
	return "an error object that is a table"
}

func typeName(v lua.LValue) string {
	if v == nil {
		return "nil"
	}
	return v.Type().String()
}

// traced is a line of a stack trace.
var traced = regexp.MustCompile(`(?m)^\t([^\n]+?):(\d+): in `)

// split cuts the places off a message. An error that was raised again has several; the last is its origin. A text
// that only looks like a place, such as host:port, stays in the message.
func split(text, trace string) (script string, line int, message string) {
	for {
		name, number, rest, found := cutPlace(text)
		if !found || !isScript(name, trace) {
			return script, line, strings.TrimPrefix(text, " ")
		}
		script, text = name, rest
		line, _ = strconv.Atoi(number)
	}
}

// cutPlace takes the place off a message that Lua puts before it, such as "main.lua:7: ". The name of a script may have colons, so the
// shortest one is taken. It is written by hand because no budget counts it, and a regular expression takes milliseconds for what scripts raise.
func cutPlace(text string) (name, line, rest string, found bool) {
	for begin, end := 0, 1; end < len(text); begin, end = end, end+1 {
		colon := strings.IndexByte(text[end:], ':')
		if colon < 0 {
			break
		}
		end += colon
		if strings.IndexByte(text[begin:end], '\n') >= 0 {
			break // names are within one line
		}
		behind := end + 1
		for behind < len(text) && '0' <= text[behind] && text[behind] <= '9' {
			behind++
		}
		if behind > end+1 && behind < len(text) && text[behind] == ':' {
			return text[:end], text[end+1 : behind], strings.TrimPrefix(text[behind+1:], " "), true
		}
	}
	return "", "", text, false
}

// isScript reports whether a name can be that of a script. A message may quote another error, place and all.
func isScript(name, trace string) bool {
	if strings.Contains(name, ": ") {
		return false
	}
	return strings.HasSuffix(name, ".lua") || strings.Contains(trace, "\t"+name+":")
}

// tracePlace returns the innermost place of a stack trace.
func tracePlace(trace string) (string, int) {
	m := traced.FindStringSubmatch(trace)
	if m == nil {
		return "", 0
	}
	line, _ := strconv.Atoi(m[2])
	return m[1], line
}

// placeError is an error of the compiler.
type placeError struct {
	line int
	text string
}

func (e *placeError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// maxLogged is how much of a text is kept, in bytes: a script may raise one of any size.
const maxLogged = 4 << 10

// Shorten bounds what the error takes in logs, ours and Caddy's.
func (e *Error) Shorten() { e.Message, e.Trace = Clip(e.Message), Clip(e.Trace) }

// Clip returns the beginning of a text that is too long for a log.
func Clip(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	end := maxLogged
	for end > maxLogged-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// Package script turns the text of a Lua script into a program, and every error of Lua into one that says where
// it happened.
package script

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// MaxSize is the size of the largest script, in bytes.
const MaxSize = 8 << 20

// Program is a compiled script. It is never changed, so any number of states run it at once.
type Program struct {
	// Name is the name of the script in errors and logs, such as main.lua.
	Name string
	// Proto is the compiled main function.
	Proto *lua.FunctionProto
	// Hash is the SHA-256 of the name and the source, so the same hash is the same program.
	Hash [sha256.Size]byte
	// Blank says that there is no code in it, but at most space and comments.
	Blank bool
}

// Compile compiles the text of a script. Assignments to globals are compiled so that they reach the table GlobalsName
// names instead of the environment itself. The error is an *Error.
func Compile(name string, src []byte) (*Program, error) {
	return compileWith(name, src, maxCompares)
}

// CompileLoaded is Compile for a text that a running script loads. It refuses what would take long to compile.
func CompileLoaded(name string, src []byte) (*Program, error) {
	return compileWith(name, src, maxLoadedCompares)
}

func compileWith(name string, src []byte, compares int) (*Program, error) {
	if len(src) > MaxSize {
		return nil, &Error{Script: name, Message: fmt.Sprintf("the script has %d bytes; allowed are %d", len(src), MaxSize)}
	}
	if bytes.HasPrefix(src, []byte("\x1b")) {
		return nil, &Error{Script: name, Message: "the script is bytecode; only text is allowed"}
	}
	chunk, err := parse.Parse(bytes.NewReader(withoutShebang(src)), name)
	if err != nil {
		return nil, atEnd(compileError(name, err), src)
	}
	blank := len(chunk) == 0
	if chunk, err = rewrite(chunk, compares); err != nil {
		return nil, compileError(name, err)
	}
	proto, err := compile(chunk, name)
	if err != nil {
		return nil, compileError(name, err)
	}
	return &Program{Name: name, Proto: proto, Hash: hash(name, src), Blank: blank}, nil
}

func hash(name string, src []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(name+"\x00"), src...))
}

// compile is lua.Compile without its panics: it knows some limits only as those.
func compile(chunk []stmt, name string) (proto *lua.FunctionProto, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the script is too complex to compile: %v", r)
		}
	}()
	if proto, err = lua.Compile(chunk, name); err == nil {
		keepNames(proto)
		trim(proto)
	}
	return proto, err
}

// withoutShebang blanks a first line that begins with #, as the lua command does.
func withoutShebang(src []byte) []byte {
	if !bytes.HasPrefix(src, []byte("#")) {
		return src
	}
	if end := bytes.IndexByte(src, '\n'); end >= 0 {
		return src[end:]
	}
	return nil
}

// atEnd gives an error that has no line the last one: the parser says no more than that the text ended too soon.
func atEnd(e *Error, src []byte) *Error {
	if e.Line == 0 {
		e.Line = bytes.Count(bytes.TrimSpace(src), []byte("\n")) + 1
	}
	return e
}

// compileError gives an error of the parser or the compiler its place.
func compileError(name string, err error) *Error {
	var syntax *parse.Error
	var compile *lua.CompileError
	var place *placeError
	e := &Error{Script: name, Message: err.Error(), Err: err}
	switch {
	case errors.As(err, &place):
		e.Line, e.Message = place.line, place.text
	case errors.As(err, &syntax):
		e.Script, e.Message = syntax.Pos.Source, syntax.Message
		if syntax.Pos.Line != parse.EOF {
			e.Line = syntax.Pos.Line
			if e.Message == "unterminated string" {
				e.Line-- // the lexer has read the end of the line already
			}
			e.Message += fmt.Sprintf(" near %q", syntax.Token)
		} else {
			e.Message += " at the end of the script"
		}
	case errors.As(err, &compile):
		e.Line, e.Message = compile.Line, compile.Message
	}
	return e
}

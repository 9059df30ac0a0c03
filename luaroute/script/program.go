// Package script turns the text of a Lua script into a program, and every error of Lua into one that says where
// it happened.
package script

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// maxSize is the size of the largest script, in bytes.
const maxSize = 8 << 20

// Program is a compiled script. It is never changed, so any number of states run it at once.
type Program struct {
	// Name is the name of the script in errors and logs, such as main.lua.
	Name string
	// Proto is the compiled main function.
	Proto *lua.FunctionProto
	// Hash is the SHA-256 of the name and the source, so the same hash is the same program.
	Hash [sha256.Size]byte
	// Blank says that it has no code: only space and comments.
	Blank bool
}

// Compile compiles a script file, which may begin with a byte order mark and a #! line. The error
// is an *Error.
func Compile(name string, src []byte) (*Program, error) { return compileText(name, src, ownText(src)) }

// CompileLoaded is Compile for source that a running script loads.
func CompileLoaded(name string, src []byte) (*Program, error) { return compileText(name, src, src) }

// compileText compiles the part of a script that is Lua.
func compileText(name string, src, text []byte) (*Program, error) {
	if len(src) > maxSize {
		return nil, &Error{Script: name, Message: fmt.Sprintf("the script has %d bytes; allowed are %d", len(src), maxSize)}
	}
	if bytes.HasPrefix(text, []byte("\x1b")) {
		return nil, &Error{Script: name, Message: "the script is bytecode; only text is allowed"}
	}
	proto, err := compile(text, name)
	if err != nil {
		return nil, compileError(name, err)
	}
	return &Program{Name: name, Proto: proto, Hash: hash(name, src), Blank: len(proto.Code) == 1}, nil
}

func hash(name string, src []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(name+"\x00"), src...))
}

// ownText leaves out a byte order mark, and a first line that begins with #, as the lua command does. The line's end stays, so
// that lines keep their numbers.
func ownText(src []byte) []byte {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if !bytes.HasPrefix(src, []byte("#")) {
		return src
	}
	if end := bytes.IndexByte(src, '\n'); end >= 0 {
		return src[end:]
	}
	return nil
}

// compileError gives an error of our compiler, or of that of gopher-lua, its place.
func compileError(name string, err error) *Error {
	var place *placeError
	var syntax *parse.Error
	e := &Error{Script: name, Message: err.Error(), Err: err}
	switch {
	case errors.As(err, &place):
		e.Line, e.Message = place.line, place.text
	case errors.As(err, &syntax):
		e.Script, e.Message = syntax.Pos.Source, syntax.Message
		if syntax.Pos.Line != parse.EOF {
			e.Line = syntax.Pos.Line
		}
	}
	return e
}

// Unfinished reports whether the error of a compilation is that the text ends too early: more of it may be good.
func Unfinished(err error) bool {
	var place *placeError
	return errors.As(err, &place) && strings.HasSuffix(place.text, " near '"+token(tokenEnds).String()+"'")
}

// trim releases what the compiler reserved for a program and did not need: about 14 KiB per function, of which many tenants have many.
func trim(proto *lua.FunctionProto) {
	proto.Code = exactly(proto.Code)
	proto.Constants = exactly(proto.Constants)
	proto.FunctionPrototypes = exactly(proto.FunctionPrototypes)
	proto.DbgSourcePositions = exactly(proto.DbgSourcePositions)
	proto.DbgLocals = exactly(proto.DbgLocals)
	proto.DbgCalls = exactly(proto.DbgCalls)
	proto.DbgUpvalues = exactly(proto.DbgUpvalues)
	for _, inner := range proto.FunctionPrototypes {
		trim(inner)
	}
}

// exactly returns a slice with the same elements and no room for more.
func exactly[S ~[]E, E any](s S) S { return slices.Clip(append(make(S, 0, len(s)), s...)) }

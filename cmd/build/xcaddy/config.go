package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"

	"github.com/caddyserver/xcaddy"
)

// load reads the description of a build and makes its relative folders absolute, because xcaddy works in a
// temporary folder of its own. Errors name the file and, where it is known, line and column.
func load(file string) (xcaddy.Builder, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return xcaddy.Builder{}, fmt.Errorf("cannot read the description of the build: %w", err)
	}
	builder, err := parse(file, text)
	if err != nil {
		return xcaddy.Builder{}, err
	}
	base, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return xcaddy.Builder{}, fmt.Errorf("%s: %w", file, err)
	}
	anchor(&builder, base)
	return builder, nil
}

// parse decodes exactly one JSON object that has only the fields of xcaddy's Builder.
func parse(file string, text []byte) (xcaddy.Builder, error) {
	var builder xcaddy.Builder
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&builder); err != nil {
		return xcaddy.Builder{}, explain(file, text, err)
	}
	end := decoder.InputOffset()
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		// The surplus begins at the next thing that is not white space.
		rest := text[end:]
		end += int64(len(rest) - len(bytes.TrimLeft(rest, " \t\r\n")))
		return xcaddy.Builder{}, fmt.Errorf("%s: expected one JSON object, found more text after it", place(file, text, end))
	}
	return builder, nil
}

// unknownField is how encoding/json words a key that the Go type lacks; it has no type for that error.
var unknownField = regexp.MustCompile(`^json: unknown field (".*")$`)

// explain says where in the text a decoding error is, and in words that need no knowledge of Go.
func explain(file string, text []byte, err error) error {
	var (
		syntax *json.SyntaxError
		value  *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the JSON ends too early", place(file, text, int64(len(text))))
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: not valid JSON: %w", place(file, text, syntax.Offset-1), err)
	case errors.As(err, &value):
		return fmt.Errorf("%s: found %s, expected %s", place(file, text, value.Offset-1), value.Value, jsonType(value.Type))
	}
	if found := unknownField.FindStringSubmatch(err.Error()); found != nil {
		offset := bytes.Index(text, []byte(found[1]))
		return fmt.Errorf("%s: unknown key %s; the keys are those of https://pkg.go.dev/github.com/caddyserver/xcaddy#Builder",
			place(file, text, int64(offset)), found[1])
	}
	return fmt.Errorf("%s: %w", file, err)
}

// jsonType names the JSON type that fills a Go type of xcaddy's Builder.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "object"
	case reflect.Slice:
		return "array"
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "integer, in nanoseconds"
	default:
		return t.Kind().String()
	}
}

// place returns file:line:column of an offset, both counted from 1, the column in bytes.
func place(file string, text []byte, offset int64) string {
	before := text[:min(max(offset, 0), int64(len(text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}

// localPath matches a replacement that names a folder, by Go's own rule: a module path never begins with a dot.
var localPath = regexp.MustCompile(`^\.\.?($|[/\\])`)

// anchor makes the relative folders of a build relative to base.
func anchor(builder *xcaddy.Builder, base string) {
	for i := range builder.Replacements {
		if path := string(builder.Replacements[i].New); localPath.MatchString(path) {
			builder.Replacements[i].New = xcaddy.ReplacementPath(filepath.Join(base, path))
		}
	}
	for i := range builder.EmbedDirs {
		if dir := builder.EmbedDirs[i].Dir; !filepath.IsAbs(dir) {
			builder.EmbedDirs[i].Dir = filepath.Join(base, dir)
		}
	}
}

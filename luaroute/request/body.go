package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// buffered is a body in memory. It is forwarded like any other, and can be read again.
type buffered struct {
	bytes.Reader
	data []byte
	was  *received // the body that it replaces; nil if it is that of the client
}

// received is a body as the client sends it.
type received struct {
	body     io.ReadCloser
	length   int64
	encoding []string
	trailer  http.Header
}

func newBuffered(data []byte, was *received) *buffered {
	b := &buffered{data: data, was: was}
	b.Reset(data)
	return b
}

// Again returns the body for the next reader.
func (b *buffered) Again() io.ReadCloser { return newBuffered(b.data, b.was) }

// Restore puts back the body that the client sent.
func (b *buffered) Restore(hr *http.Request) {
	if b.was != nil {
		hr.Body, hr.ContentLength, hr.TransferEncoding, hr.Trailer = b.was.body, b.was.length, b.was.encoding, b.was.trailer
	}
	if own, ok := hr.Body.(*buffered); ok {
		hr.Body = own.Again()
	}
}

// Close does nothing: the memory is kept until the request ends.
func (b *buffered) Close() error { return nil }

// formWork is how many bytes of memory reading a form takes for each of its bytes.
const formWork = 16

// unread is a body whose first bytes were read and put back.
type unread struct {
	io.Reader
	io.Closer
}

// ReadBody returns the body of a request and keeps it for later readers. The error is one for the client: 413 if the body is
// larger than the limit, in bytes, 400 if it does not arrive. What follows a CONNECT is a stream, not a body.
func ReadBody(hr *http.Request, limit int64) ([]byte, error) {
	if b, ok := hr.Body.(*buffered); ok {
		if int64(len(b.data)) > limit {
			return nil, tooLarge(limit)
		}
		return b.data, nil
	}
	if !IsToCome(hr) {
		return nil, nil
	}
	if hr.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	data, err := read(hr, hr.Body, limit)
	switch {
	case err != nil:
		return nil, caddyhttp.Error(http.StatusBadRequest, &failure.BodyError{Err: fmt.Errorf("reading the body: %w", err)})
	case int64(len(data)) > limit:
		return nil, tooLarge(limit)
	}
	return data, nil
}

// read reads a body from what may stand before it. What is larger than the limit, or does not arrive, is put back: whoever reads it next finds it whole,
// or the same error at the same place.
func read(hr *http.Request, from io.Reader, limit int64) ([]byte, error) {
	body := hr.Body
	data, err := readAll(from, hr.ContentLength, limit+1)
	if err == nil && int64(len(data)) <= limit {
		_ = body.Close() // all of it was read
		setBody(hr, data, nil)
		return data, nil
	}
	rest := io.Reader(body)
	if err != nil && err != errNoRoom {
		rest = readerFunc(func([]byte) (int, error) { return 0, err })
	}
	hr.Body = unread{io.MultiReader(bytes.NewReader(data), rest), body}
	return data, err
}

// readAll reads at most so many bytes, of about length that will come; -1 stands for nobody knows. Room is made as they come, so that a client pays
// for what it gets, but in few steps: to copy a body of some megabytes again and again keeps a processor from everybody else.
func readAll(from io.Reader, length, most int64) ([]byte, error) {
	from = io.LimitReader(from, most)
	if length < 0 {
		return io.ReadAll(from)
	}
	const first = 4 << 10
	room := length + 1 // one more, to see the end
	data := make([]byte, 0, min(first, room))
	for {
		n, err := from.Read(data[len(data):cap(data)])
		if data = data[:len(data)+n]; err != nil {
			if err == io.EOF {
				err = nil
			}
			return data, err
		}
		if len(data) == cap(data) {
			next := int64(2 * cap(data))
			if int64(cap(data)) < room && next >= room/2 { // all of it; else somebody makes it longer, such as a handler that unpacks
				next = room
			}
			data = append(make([]byte, 0, next), data...)
		}
	}
}

// ReadAhead reads the body of a request before anybody asks for it, and keeps it for those who do: they find what they would have found
// without. It ends early where room, which is told how many bytes it holds by then, says that there is none for more.
func ReadAhead(hr *http.Request, limit int64, room func(held int64) bool) {
	if hr.ContentLength > limit {
		return
	}
	body, held := hr.Body, int64(0)
	_, _ = read(hr, readerFunc(func(p []byte) (int, error) {
		n, err := body.Read(p)
		held += int64(n)
		if !room(held) && err == nil {
			err = errNoRoom
		}
		return n, err
	}), limit) // whoever asks finds the error again
}

// Held returns how many bytes of bodies a request holds in memory: of the one that it has, and of the client's, which that may have replaced.
func Held(hr *http.Request) (bytes int64) {
	b, is := hr.Body.(*buffered)
	if !is {
		return 0
	}
	bytes = int64(len(b.data))
	if b.was != nil {
		if old, is := b.was.body.(*buffered); is {
			bytes += int64(len(old.data))
		}
	}
	return bytes
}

// errNoRoom ends the reading of a body.
var errNoRoom = errors.New("there is no room for the body")

// readerFunc is a function that is a reader.
type readerFunc func(p []byte) (int, error)

// Read calls f.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// IsToCome reports whether the body of a request was not read yet, so that reading it may wait for the client.
func IsToCome(hr *http.Request) bool {
	if hr.Body == nil || hr.Body == http.NoBody || hr.Method == http.MethodConnect {
		return false
	}
	_, is := hr.Body.(*buffered)
	return !is
}

func setBody(hr *http.Request, data []byte, was *received) {
	hr.Body = newBuffered(data, was)
	hr.ContentLength = int64(len(data))
	hr.TransferEncoding = nil
}

func tooLarge(limit int64) error {
	return caddyhttp.Error(http.StatusRequestEntityTooLarge, &failure.BodyError{Err: fmt.Errorf("the body is larger than %d bytes", limit)})
}

// mustRead is ReadBody for Go functions of scripts.
func (r *Request) mustRead(L *lua.LState, limit int64) (data []byte) {
	read := func() (err error) {
		data, err = ReadBody(r.http(), limit)
		return err
	}
	var err error
	if IsToCome(r.http()) {
		err = r.wait(vm.Of(L), read)
	} else {
		err = read()
	}
	if err != nil {
		vm.Throw(L, err)
	}
	r.runs.Keep(Held(r.http()))
	return data
}

// reqBody is req:body([limit]).
func reqBody(L *lua.LState) int {
	r := of(L, "req")
	limit := min(L.OptInt64(2, r.body), r.body)
	if limit < 0 {
		L.ArgError(2, "the limit is a number of bytes")
	}
	data := r.mustRead(L, limit)
	vm.Spend(L, len(data)/64)
	L.Push(text(string(data)))
	return 1
}

// reqJSON is req:json([options]): the value of the body, or nil and an error.
func reqJSON(L *lua.LState) int {
	r, options := of(L, "req"), luajson.OptionsOf(L, 2)
	v, err := luajson.DecodeAs(L, string(r.mustRead(L, r.body)), options)
	return result(L, v, err)
}

// reqForm is req:form(): a table of the fields of an urlencoded or multipart body, without files, or nil and an error. A
// field with several values is a list of them.
func reqForm(L *lua.LState) int {
	r := of(L, "req")
	data := r.mustRead(L, r.body)
	vm.Spend(L, len(data)/4) // some 10 ns for each byte
	vm.Charge(L, len(data)*formWork)
	values, err := r.form(data)
	if err != nil {
		return result(L, nil, err)
	}
	t := L.NewTable()
	for name, all := range values {
		if len(all) == 1 {
			t.RawSetString(name, text(all[0]))
		} else {
			t.RawSetString(name, list(L, all))
		}
	}
	return result(L, t, nil)
}

func (r *Request) form(data []byte) (url.Values, error) {
	kind, params, err := mime.ParseMediaType(r.http().Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("form: Content-Type: %w", err)
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return url.ParseQuery(string(data))
	case "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(data), params["boundary"]).ReadForm(int64(len(data)) + 1)
		if err != nil {
			return nil, fmt.Errorf("form: %w", err)
		}
		defer func() { _ = form.RemoveAll() }() // the body fits into memory, so there are no files
		return form.Value, nil
	}
	return nil, fmt.Errorf("form: %q is not the type of a form", script.Clip(kind))
}

// reqSetBody is req:set_body(string). The client's body is kept in case this candidate declines.
func reqSetBody(L *lua.LState) int {
	r, body := of(L, "req"), L.CheckString(2)
	vm.Spend(L, len(body)/64)
	vm.Charge(L, len(body))
	r.replaceBody([]byte(body))
	return 0
}

func (r *Request) replaceBody(body []byte) {
	hr := r.http()
	was := &received{hr.Body, hr.ContentLength, hr.TransferEncoding, hr.Trailer}
	if old, ok := hr.Body.(*buffered); ok && old.was != nil {
		was = old.was
	}
	setBody(hr, body, was)
	hr.Trailer = nil // what stood behind the other body
	hr.Header.Del("Content-Length")
	r.runs.Keep(Held(hr))
}

// reqSetJSON is req:set_json(value). The header's description of the old body is removed.
func reqSetJSON(L *lua.LState) int {
	r := of(L, "req")
	body, err := luajson.Encode(L, L.CheckAny(2))
	if err != nil {
		vm.Throw(L, err)
	}
	r.replaceBody(body)
	for _, name := range []string{"Content-Encoding", "Content-Md5", "Content-Digest", "Digest", "Repr-Digest"} {
		setHeader(r, L, name, nil)
	}
	if !isJSON(r.http().Header.Get("Content-Type")) {
		setHeader(r, L, "Content-Type", []string{"application/json"})
	}
	return 0
}

// isJSON reports whether a media type is JSON in UTF-8.
func isJSON(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	charset, set := params["charset"]
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) && (!set || strings.EqualFold(charset, "utf-8"))
}

// result pushes a value, or nil and the error.
func result(L *lua.LState, v lua.LValue, err error) int {
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(v)
	return 1
}

var _ chiproxy.HeldBody = (*buffered)(nil)

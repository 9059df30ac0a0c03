package call

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// setBody gives a request a body that can be sent again.
func setBody(r *http.Request, body string) {
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
}

// pieces are what bodies are read into.
var pieces = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// sparing is the size of a body from which memory is reserved for it.
const sparing = 64 << 10

// readBody reads the body of an answer, which net/http has decompressed.
func readBody(res *http.Response, r *Request) (string, error) {
	b := Body{Most: r.maxBody(), Reserve: r.Reserve}
	defer b.Close()
	if res.ContentLength > 0 {
		if err := b.Expect(res.ContentLength); err != nil {
			return "", err
		}
	}
	piece := pieces.Get().(*[32 << 10]byte)
	defer pieces.Put(piece)
	for {
		n, err := res.Body.Read(piece[:])
		if _, err := b.Write(piece[:n]); err != nil {
			return "", err
		}
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// Body collects the body of an answer within a limit.
type Body struct {
	// Most is how many bytes it may have.
	Most int64
	// Reserve is that of a Request.
	Reserve func(bytes int64) bool

	text     strings.Builder
	reserved int64
}

// Expect makes room for a body whose size is known. The error is an *Error.
func (b *Body) Expect(size int64) error {
	if size > b.Most {
		return tooLarge(b.Most)
	}
	if err := b.reserve(size); err != nil {
		return err
	}
	b.text.Grow(int(min(size, sparing))) // a server may announce more than it sends
	return nil
}

// Write adds to the body. The error is an *Error.
func (b *Body) Write(p []byte) (int, error) {
	size := int64(b.text.Len() + len(p))
	if size > b.Most {
		return 0, tooLarge(b.Most)
	}
	if err := b.reserve(size); err != nil {
		return 0, err
	}
	return b.text.Write(p)
}

func (b *Body) reserve(size int64) error {
	if b.Reserve == nil || size <= max(sparing, b.reserved) {
		return nil
	}
	more := size - b.reserved
	b.reserved = size
	if !b.Reserve(more) {
		return &Error{Kind: Busy, Detail: "the memory of the tenant is used up"}
	}
	return nil
}

func tooLarge(most int64) error {
	return failed(TooLarge, fmt.Sprintf("the body of the answer has more than %d bytes", most))
}

// String returns the body.
func (b *Body) String() string { return b.text.String() }

// Close releases what was reserved.
func (b *Body) Close() {
	if b.reserved > 0 {
		b.Reserve(-b.reserved)
		b.reserved = 0
	}
}

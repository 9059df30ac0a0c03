package e2e

import (
	"bytes"
	"io"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(logWriter{}) }

// logs holds what the Caddy of the test has logged.
var logs = new(logBuffer)

type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds an entry.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns all entries.
func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Close does nothing: the next configuration writes here, too.
func (b *logBuffer) Close() error { return nil }

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// logWriter is the log output of tests.
type logWriter struct{}

// CaddyModule returns the Caddy module information.
func (logWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.writers.e2e", New: func() caddy.Module { return new(logWriter) }}
}

// String describes the output.
func (logWriter) String() string { return "the log of the test" }

// WriterKey identifies the output.
func (logWriter) WriterKey() string { return "e2e" }

// OpenWriter returns the buffer.
func (logWriter) OpenWriter() (io.WriteCloser, error) { return logs, nil }

// Interface guards
var _ caddy.WriterOpener = logWriter{}

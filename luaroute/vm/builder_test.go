package vm

import (
	"errors"
	"testing"
)

// It is not parallel: it changes what all builders ask.
func TestNoBuilderIsMadeWithoutSupport(t *testing.T) {
	was := supported
	supported = func() error { return errors.New("forced") }
	defer func() {
		supported = was
		if r := recover(); r == nil {
			t.Error("there is a builder")
		}
	}()
	NewBuilder(Standard, Options{})
}

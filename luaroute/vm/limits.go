package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// maxArrayIndex is the largest index that gopher-lua keeps in the array of a table; larger ones are keys as any other. An
// assignment to it takes 16 bytes for every index below, so with gopher-lua's own 67 million one statement
// could take a gigabyte.
const maxArrayIndex = 1 << 20

func init() { lua.MaxArrayIndex = maxArrayIndex }

package vm

import (
	"hash/maphash"

	lua "github.com/yuin/gopher-lua"
)

var fingerprintSeed = maphash.MakeSeed()

// Fingerprint returns a number for what a kept function does: its code, wherever it stands, and the texts, numbers and
// booleans that it captures. It is good within this process.
func (i *Image) Fingerprint(r Ref) uint64 {
	var h maphash.Hash
	h.SetSeed(fingerprintSeed)
	fn := i.builder.kept[r-1]
	hashProto(&h, fn.Proto)
	for _, cell := range fn.Upvalues {
		if cell != nil {
			hashValue(&h, cell.Value())
		}
	}
	return h.Sum64()
}

func hashProto(h *maphash.Hash, p *lua.FunctionProto) {
	_, _ = h.Write([]byte{p.NumParameters, p.IsVarArg, p.NumUpvalues})
	maphash.WriteComparable(h, len(p.Code))
	for _, code := range p.Code {
		maphash.WriteComparable(h, code)
	}
	for _, c := range p.Constants {
		hashValue(h, c)
	}
	for _, inner := range p.FunctionPrototypes {
		hashProto(h, inner)
	}
}

// hashValue adds plain values; all others count by their type.
func hashValue(h *maphash.Hash, v lua.LValue) {
	switch v := v.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
		maphash.WriteComparable(h, v)
	default:
		maphash.WriteComparable(h, v.Type())
	}
}

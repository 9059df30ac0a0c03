package vm

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestAnImageKeepsNothingThatAllHave counts bytes, so nothing else may run meanwhile.
func TestAnImageKeepsNothingThatAllHave(t *testing.T) {
	const n, most = 500, 8 << 10 // measured: 5.6 KiB, most of it the program, which each image here has for itself; 20 with the libraries of a builder
	images := make([]*Image, n)
	before := heapInUse()
	for i := range images {
		images[i], _ = freeze(t, `local s, n = string, 0 function f() return s end keep(function() n = n + 1 return f().rep("x", n) end)`, Options{})
	}
	bytes := int(heapInUse()-before) / n
	t.Logf("an image takes %d bytes", bytes)
	if bytes > most {
		t.Errorf("an image takes %d bytes; expected at most %d", bytes, most)
	}
	runtime.KeepAlive(images)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAStateListsTheGlobalsOfTheScripts(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"", "x = 1", "print = nil", "string.x = 1", "type = 7", "_G = nil", "_G = 5", "math = nil x = {}", "y = string"} {
		b, refs := load(t, `local table, pairs, all = table, pairs, _G `+change+`
			keep(function()
				local names = {}
				for name in pairs(all) do names[#names + 1] = name end
				table.sort(names)
				return table.concat(names, " ")
			end)`, Options{})
		want, err := call(b.State(), (*refs)[0])
		if err != nil {
			t.Fatal(err)
		}
		img, err := b.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		got, err := call(img.NewState(), (*refs)[0])
		if err != nil || got != want {
			a, b := strings.Fields(want), strings.Fields(got)
			missing := slices.DeleteFunc(slices.Clone(a), func(k string) bool { return slices.Contains(b, k) })
			more := slices.DeleteFunc(slices.Clone(b), func(k string) bool { return slices.Contains(a, k) })
			t.Errorf("%q: missing %v, more %v, %v", change, missing, more, err)
		}
	}
}

package testkit

import (
	"flag"
	"math/rand/v2"
)

// otherSeed has the tests generate other inputs: go test ./chiproxy -seed 1. What fails with one fails with it again.
var otherSeed = flag.Uint64("seed", 0, "generate other inputs than those of seed 0")

// Seeded returns what a test generates its inputs by.
func Seeded(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a^*otherSeed<<32, b)) }

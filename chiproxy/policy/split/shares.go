package split

import (
	"fmt"
	"math"
	"math/bits"
)

// buckets is how many kinds of requests there are. A share is a number of them.
const buckets = 10_000

// shares are the parts that the buckets belong to.
type shares [buckets]uint8

func (s *shares) of(bucket int) int { return int(s[bucket]) }

// divide gives each part as many buckets as its weight says. The first part has what the others leave; each of these takes buckets in an order
// of its own, by its name. So whoever gets a greater share keeps what it had: all that changes hands is what it gets more.
func divide(parts []Part) (*shares, error) {
	sum := 0.0
	for _, p := range parts {
		if p.Weight < 0 || math.IsNaN(p.Weight) || math.IsInf(p.Weight, 0) {
			return nil, fmt.Errorf("the weight of %q is %v; expected 0 or more", p.Name, p.Weight)
		}
		sum += p.Weight
	}
	if sum == 0 {
		return nil, errWeights
	}
	s := new(shares)
	var taken [buckets]bool
	free, last := buckets, 0
	for i, p := range parts {
		if p.Weight > 0 {
			last = i
		}
		if i == 0 || p.Weight == 0 {
			continue
		}
		n := min(free, int(math.Round(p.Weight/sum*buckets)))
		free -= n
		h := hash(hashBegin, p.Name)
		for at, step := int(h%buckets), stepOf(h>>32); n > 0; at = (at + step) % buckets {
			if !taken[at] {
				s[at], taken[at] = uint8(i), true
				n--
			}
		}
	}
	if parts[0].Weight == 0 { // what rounding has left
		for at := range s {
			if !taken[at] {
				s[at] = uint8(last)
			}
		}
	}
	return s, nil
}

// stepOf returns a step that comes to each bucket: it has no factor in common with their number. Small and great ones would leave what a part
// has in lumps.
func stepOf(h uint64) int {
	step := buckets/10 + int(h%(buckets*8/10))
	for step%2 == 0 || step%5 == 0 {
		step++
	}
	return step
}

// The hash is FNV-1a, whose bits are mixed when it ends: the same in each process, so that all servers of a site divide alike.
const hashBegin = 14695981039346656037

func hash[T string | []byte](h uint64, text T) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return (h ^ 0xff) * 1099511628211 // the end: "ab" and "c" are not "a" and "bc"
}

// bucketOf returns the bucket of a hash.
func bucketOf(h uint64) int {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	high, _ := bits.Mul64(h, buckets)
	return int(high)
}

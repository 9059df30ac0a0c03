package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how often the bootstrap draws.
const resamples = 1000

// interval is an estimate, and the borders between which 95 % of the estimates of a bootstrap lie.
type interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// String is for tables: 1.02 (0.99 to 1.05).
func (i interval) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", i.Value, i.Low, i.High) }

// median returns the value in the middle. It sorts the values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// medianRatio returns the quotient of the medians of two series, and how sure it is. Its bootstrap draws whole rounds, so what
// slows down a round as a whole weighs little. The same series give the same interval.
func medianRatio(of, to []float64) interval {
	random := rand.New(rand.NewPCG(1, 1))
	above, below := make([]float64, len(of)), make([]float64, len(to))
	drawn := make([]float64, resamples)
	for i := range drawn {
		for j := range above {
			round := random.IntN(len(of))
			above[j], below[j] = of[round], to[round]
		}
		drawn[i] = median(above) / median(below)
	}
	slices.Sort(drawn)
	return interval{
		Value: median(slices.Clone(of)) / median(slices.Clone(to)),
		Low:   drawn[resamples*25/1000], High: drawn[resamples*975/1000],
	}
}

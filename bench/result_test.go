package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTheMedianIsTheValueInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"of one value it is that", []float64{3}, 3},
		{"of an odd number it is the one in the middle", []float64{9, 1, 2}, 2},
		{"of an even number it is between two", []float64{8, 1, 2, 4}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := median(test.values); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("of nothing it is %v, want no number", got)
	}
}

func TestARatioIsFoundInNoise(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 3))
	for _, want := range []float64{1, 1.1, 2} {
		of, to := make([]float64, 400), make([]float64, 400)
		for i := range of {
			speed := 1 + random.Float64() // of the processor, in this round
			of[i] = want * speed * (1 + 0.2*random.Float64())
			to[i] = speed * (1 + 0.2*random.Float64())
		}
		got := medianRatio(of, to)
		if got.Low > want || got.High < want || got.High-got.Low > 0.2*want || got.Value < got.Low || got.Value > got.High {
			t.Errorf("got %+v, want a narrow interval around %v", got, want)
		}
		if again := medianRatio(of, to); again != got {
			t.Errorf("the same series give %+v and then %+v", got, again)
		}
	}
}

package main

import (
	"slices"
	"testing"
)

func TestEveryPairIsOfVariantsThatItsStandServes(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range stands {
		names = append(names, s.name)
		var served []string
		for _, p := range s.programs {
			for _, v := range p.variants {
				if slices.Contains(served, v.name) {
					t.Errorf("%s: two variants are named %s", s.name, v.name)
				}
				if served = append(served, v.name); !s.needs(v) {
					t.Errorf("%s: %s is in no pair", s.name, v.name)
				}
			}
		}
		for _, p := range s.pairs {
			names = append(names, p.name)
			if !slices.Contains(served, p.of) || !slices.Contains(served, p.to) {
				t.Errorf("%s: %s is of %s and %s; there are %v", s.name, p.name, p.of, p.to, served)
			}
		}
	}
	// A stand may have the name of one of its pairs, which is then measured with all others.
	for i, name := range names {
		if j := slices.Index(names, name); j != i && !slices.Contains([]string{"service", "quiet"}, name) {
			t.Errorf("two are named %s", name)
		}
	}
}

func TestTheNullPairIsMeasuredWithEveryOther(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		names []string
		want  []string
	}{
		{[]string{"data"}, []string{again, "data"}},
		{[]string{"guard", "data"}, []string{again, "data", "guard"}},
		{[]string{"haproxy-lua"}, []string{"haproxy-again", "haproxy-lua"}},
		{[]string{"nginx"}, []string{"nginx-again", "nginx-lua", "nginx-dict"}},
		{[]string{"routes-100"}, []string{"routes-100"}},
	} {
		chosen, err := choose(test.names)
		if err != nil {
			t.Fatal(err)
		}
		if len(chosen) != 1 || !slices.Equal(chosen[0].pairNames(), test.want) {
			t.Errorf("%v: chose %+v, want the pairs %v", test.names, chosen, test.want)
		}
	}
	if all, err := choose(nil); err != nil || len(all) != len(stands) {
		t.Errorf("chose %d stands and %v, want all %d", len(all), err, len(stands))
	}
	if _, err := choose([]string{"data", "lua"}); err == nil {
		t.Error("a pair that is not there was chosen")
	}
}

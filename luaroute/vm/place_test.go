package vm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wantStats checks what a pool holds.
func wantStats(t *testing.T, p *Pool, want Stats) {
	t.Helper()
	if got := p.Stats(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// await has a state wait for its client in the background until the channel that it returns is closed.
func await(s *State) (client chan struct{}, done chan struct{}) {
	client, done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = s.AwaitClient(func() error { <-client; return nil })
	}()
	return client, done
}

func TestAStateThatWaitsForASlowClientGivesItsPlaceAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Second)
		defer p.Close()
		slow := mustGet(t, p)
		client, done := await(slow)
		time.Sleep(time.Second / 2)
		start := time.Now()
		other := mustGet(t, p)
		if waited := time.Since(start); waited != time.Second/2 {
			t.Errorf("another request waited for %v, want the rest of a second", waited)
		}
		wantStats(t, p, Stats{Size: 2, Slow: 1})
		if _, err := p.Get(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("a third one got %v, want ErrBusy", err)
		}
		close(client)
		<-done
		wantStats(t, p, Stats{Size: 2})
		p.Put(other) // one of two too many
		wantStats(t, p, Stats{Size: 1})
		p.Put(slow)
		wantStats(t, p, Stats{Size: 1, Idle: 1})
	})
}

func TestAStateKeepsItsPlaceForAClientThatIsQuick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Second)
		defer p.Close()
		for range 3 { // requests
			s := mustGet(t, p)
			for range 9 {
				_ = s.AwaitClient(func() error {
					time.Sleep(time.Second / 10)
					wantStats(t, p, Stats{Size: 1})
					return nil
				})
			}
			time.Sleep(time.Hour)
			wantStats(t, p, Stats{Size: 1})
			p.Put(s)
		}
	})
}

func TestAClientThatTakesALittleNowAndThenIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Second)
		defer p.Close()
		s := mustGet(t, p)
		piece := func() error { time.Sleep(time.Second / 4); return nil }
		for range 4 {
			_ = s.AwaitClient(piece)
		}
		_ = s.AwaitClient(func() error {
			start := time.Now()
			defer p.Put(mustGet(t, p))
			if waited := time.Since(start); waited > time.Second/10 {
				t.Errorf("another request waited for %v", waited)
			}
			return piece()
		})
		p.Put(s)
		wantStats(t, p, Stats{Size: 1, Idle: 1})
	})
}

func TestOnlySoManySlowClientsDoNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		p := newTestPool(t, most, time.Second)
		defer p.Close()
		var states []*State
		var clients []chan struct{}
		for range 2 * most {
			s := mustGet(t, p)
			client, _ := await(s)
			states, clients = append(states, s), append(clients, client)
			time.Sleep(time.Second)
			if synctest.Wait(); len(states) == most {
				wantStats(t, p, Stats{Size: most, Slow: most})
			}
		}
		if _, err := p.Get(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("beside so many one more got %v, want ErrBusy", err)
		}
		got := make(chan *State)
		go func() { got <- mustGet(t, p) }()
		synctest.Wait()
		close(clients[0]) // another slow one is one of the few now, and so the place of the first is free for the next
		synctest.Wait()
		p.Put(states[0])
		if last := <-got; last != states[0] {
			t.Error("another state was made")
		}
		wantStats(t, p, Stats{Size: 2 * most, Slow: 2*most - 1})
		for _, client := range clients[1:] {
			close(client)
		}
	})
}

func TestStatesWhoseRequestsStreamDoNotCountUpToALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Second)
		defer p.Close()
		p.LimitStreams(2)
		got := make(chan *State)
		first := mustGet(t, p)
		go func() { got <- mustGet(t, p) }()
		synctest.Wait()
		first.Stream()
		first.Stream() // it is told once for each writer
		second := <-got
		second.Stream()
		third := mustGet(t, p)
		third.Stream()
		wantStats(t, p, Stats{Size: 3, Streams: 3})
		if _, err := p.Get(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("beside one stream too many a request got %v, want ErrBusy", err)
		}
		client, done := await(first) // it does not count already
		time.Sleep(time.Hour)
		wantStats(t, p, Stats{Size: 3, Streams: 3})
		close(client)
		<-done
		first.Resume()
		first.Resume()
		wantStats(t, p, Stats{Size: 3, Streams: 2})
		p.Put(first)
		wantStats(t, p, Stats{Size: 3, Idle: 1, Streams: 2})
		second.budget.end(ErrBudget) // while it streams
		p.Put(second)
		p.Put(third)
		wantStats(t, p, Stats{Size: 1, Idle: 1})
	})
}

// life is a request of a generated crowd, in steps of which each takes a random time.
func life(t *testing.T, p *Pool, rng *rand.Rand, check func()) {
	own := rng.Int64N(3) * p.total.most / 4
	p.Reserve(own)
	defer func() { // whatever happens
		p.Reserve(-own)
		check()
	}()
	s, err := p.GetFor(t.Context(), own)
	check()
	if err != nil {
		p.mu.Lock()
		free := p.mayGrow(own) || len(p.idle) > 0 && !p.total.keepsAll(own)
		p.mu.Unlock()
		if !errors.Is(err, ErrBusy) || free {
			t.Errorf("got %v, and there is room: %v", err, free)
		}
		return
	}
	pass := func() error {
		time.Sleep(time.Duration(rng.IntN(int(3 * p.queue))))
		check()
		return nil
	}
	for range rng.IntN(4) {
		s.budget.live = rng.Int64N(p.total.most/2 + 1)
		s.account()
		switch rng.IntN(3) {
		case 0:
			_ = s.AwaitClient(pass)
		case 1:
			s.Stream()
			_ = pass()
			if rng.IntN(2) == 0 {
				s.Resume()
			}
		case 2:
			_ = pass()
		}
		check()
	}
	if rng.IntN(4) == 0 {
		s.budget.end(ErrBudget)
	}
	p.Put(s)
	check()
}

func TestHoweverSlowOrFastRequestsAreStatesAreBoundedAndNoneIsLost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0))
				p := newTestPool(t, 1+rng.IntN(4), time.Second)
				p.LimitStreams(rng.IntN(4))
				if seed%2 == 0 {
					p.LimitMemory(4 << 20)
				}
				check := func() {
					p.mu.Lock()
					defer p.mu.Unlock()
					switch {
					case p.size > 2*p.max+p.maxStreams:
						t.Errorf("there are %d states, of which %d are slow and %d stream; the limits are %d and %d", p.size, p.slow, p.streams, p.max, p.maxStreams)
					case p.slow < 0 || p.streams < 0 || p.slow+p.streams+len(p.idle) > p.size:
						t.Errorf("of %d states %d are slow, %d stream and %d are idle", p.size, p.slow, p.streams, len(p.idle))
					}
					for _, next := range p.waiting {
						if p.mayGrow(next.own) || len(p.idle) > 0 && !p.total.keepsAll(next.own) {
							t.Errorf("%d wait, and there is room: %d of %d count, %d are idle; %d bytes are kept, and %d by it",
								len(p.waiting), p.used(), p.max, len(p.idle), p.total.kept.Load(), next.own)
						}
					}
				}
				var all sync.WaitGroup
				for i := range uint64(30) {
					all.Go(func() {
						rng := rand.New(rand.NewPCG(seed, i+1))
						for range 10 {
							life(t, p, rng, check)
						}
					})
				}
				all.Wait()
				check()
				if s := p.Stats(); s.Size != s.Idle || s.Size > p.max || s.Waiting+s.Slow+s.Streams != 0 || s.Kept != 0 {
					t.Errorf("at the end there are %+v, want at most %d, all idle", s, p.max)
				}
				time.Sleep(time.Hour)
				if held := p.Held(); held != 0 {
					t.Errorf("%d bytes are held", held)
				}
				p.Close()
			})
		})
	}
}

func BenchmarkAwaitClient(b *testing.B) {
	img, _ := freeze(b, `keep(function() end)`, Options{})
	p := NewPool(img, 10, time.Second)
	defer p.Close()
	s, err := p.Get(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = s.AwaitClient(func() error { return nil })
	}
}

func TestWhatRequestsKeepWithoutAStateHoldsOthersBack(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	for name, row := range map[string]struct {
		reserved, own int64
		idle          bool
		waits         bool
	}{
		"less than there may be":                          {reserved: most - 1},
		"all":                                             {reserved: most, waits: true},
		"all, beside a state that is idle":                {reserved: most, idle: true, waits: true},
		"all, of which a part is its own":                 {reserved: most, own: 1},
		"more, of which a part is its own":                {reserved: most + 1, own: 1, idle: true, waits: true},
		"all, which is its own, beside one that is idle":  {reserved: most, own: most, idle: true},
		"less than all, beside a state that is idle":      {reserved: most - 1, idle: true},
		"more than all, and all of it is its own already": {reserved: 2 * most, own: 2 * most},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newTestPool(t, 2, time.Hour)
				defer p.Close()
				p.LimitMemory(most)
				if row.idle {
					p.Put(mustGet(t, p))
				}
				p.Reserve(row.reserved)
				got := make(chan *State)
				start := time.Now()
				go func() {
					s, _ := p.GetFor(t.Context(), row.own)
					got <- s
				}()
				time.Sleep(time.Minute)
				if waits := p.Stats().Waiting == 1; waits != row.waits {
					t.Errorf("it waits: %v, want %v", waits, row.waits)
				}
				p.Reserve(-row.reserved)
				s := <-got
				if s == nil || time.Since(start) != time.Minute {
					t.Fatalf("it got %v after %v, want a state when there was room", s, time.Since(start))
				}
				p.Put(s)
			})
		})
	}
}

// One that has to end so that there is room again is not behind those who wait for that room.
func TestARequestThatKeepsMuchGoesOnBeforeThoseThatWaitForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 1, time.Hour)
		defer p.Close()
		p.LimitMemory(1 << 20)
		first := mustGet(t, p)
		p.Reserve(1 << 20)
		order := make(chan string, 2)
		for _, own := range []int64{0, 1 << 20} {
			go func() {
				s, err := p.GetFor(t.Context(), own)
				order <- fmt.Sprint(own, err)
				p.Reserve(-own)
				p.Put(s)
			}()
			synctest.Wait()
		}
		p.Put(first)
		if a, b := <-order, <-order; a != "1048576 <nil>" || b != "0 <nil>" {
			t.Errorf("they came in the order %s, %s", a, b)
		}
	})
}

func TestAStateThatLetsGoOfMemoryLetsOthersIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTestPool(t, 2, time.Hour)
		defer p.Close()
		p.LimitMemory(1 << 20)
		first := mustGet(t, p)
		first.budget.live = 1 << 20
		first.account()
		got := make(chan *State)
		go func() { got <- mustGet(t, p) }()
		synctest.Wait()
		if n := p.Stats().Waiting; n != 1 {
			t.Errorf("%d wait, want one", n)
		}
		first.budget.live = 0
		first.account()
		p.Put(<-got)
		p.Put(first)
	})
}

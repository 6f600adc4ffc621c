// Package iter is the library's package of that name, for cells: Pull runs the
// sequence in a goroutine instead of a coroutine of the runtime.
package iter

// Seq is an iterator over sequences of individual values.
type Seq[V any] func(yield func(V) bool)

// Seq2 is an iterator over sequences of pairs of values.
type Seq2[K, V any] func(yield func(K, V) bool)

type pair[K, V any] struct {
	k K
	v V
}

// Pull converts the push-style iterator sequence into a pull-style one.
func Pull[V any](seq Seq[V]) (next func() (V, bool), stop func()) {
	next2, stop := Pull2(func(yield func(V, bool) bool) {
		seq(func(v V) bool { return yield(v, true) })
	})
	return func() (V, bool) {
		v, _, ok := next2()
		return v, ok
	}, stop
}

// Pull2 is Pull for pairs.
func Pull2[K, V any](seq Seq2[K, V]) (next func() (K, V, bool), stop func()) {
	var (
		started, done bool
		failed        any
		resume        = make(chan bool)
		values        = make(chan pair[K, V])
	)
	run := func() {
		defer close(values)
		defer func() { failed = recover() }()
		if !<-resume {
			return
		}
		seq(func(k K, v V) bool {
			values <- pair[K, V]{k, v}
			return <-resume
		})
	}
	step := func(more bool) (p pair[K, V], ok bool) {
		if !started {
			started = true
			go run()
		}
		resume <- more
		p, ok = <-values
		if !ok {
			done = true
			if failed != nil {
				panic(failed)
			}
		}
		return p, ok
	}
	next = func() (K, V, bool) {
		if done {
			var p pair[K, V]
			return p.k, p.v, false
		}
		p, ok := step(true)
		return p.k, p.v, ok
	}
	stop = func() {
		if !done {
			if started {
				step(false)
			}
			done = true
		}
	}
	return next, stop
}

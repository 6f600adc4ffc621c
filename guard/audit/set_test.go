package audit_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"weir/guard/audit"
)

func TestSets(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 1 + random.IntN(500)
		share := random.Float64() * random.Float64()
		var members []int32
		in := make([]bool, n)
		for p := range n {
			if in[p] = random.Float64() < share; in[p] {
				members = append(members, int32(p))
			}
		}
		s := audit.NewSet(n, members)
		got, rest, err := audit.ReadSet(n+random.IntN(200), append(s.Append(nil), 7))
		if err != nil || !bytes.Equal(rest, []byte{7}) || got.Len() != len(members) {
			t.Fatal(err, rest, got.Len(), len(members))
		}
		for p, yes := range in {
			if s.Has(int32(p)) != yes || got.Has(int32(p)) != yes {
				t.Fatalf("participant %d: %v, %v, want %v", p, s.Has(int32(p)), got.Has(int32(p)), yes)
			}
		}
	}
}

// FuzzReadSet reads what nobody wrote.
func FuzzReadSet(f *testing.F) {
	f.Add(audit.NewSet(100, []int32{1, 2, 99}).Append(nil))
	f.Add(audit.NewSet(10, []int32{0, 1, 2, 3, 4, 5, 9}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, rest, err := audit.ReadSet(100, b)
		if err != nil {
			return
		}
		n := 0
		for p := range s.All() {
			if n++; p < 0 || p >= 100 || !s.Has(p) {
				t.Fatalf("participant %d", p)
			}
		}
		if n != s.Len() || len(rest) > len(b) {
			t.Fatalf("%d participants of %d", n, s.Len())
		}
	})
}

package mem

import "testing"

// Floats are zeros whatever their number, also in memory that was in use before.
func TestFloats(t *testing.T) {
	for range 3 {
		for _, n := range []int{0, 1, worth/4 - 1, worth / 4, hugePage/4 + 1, 5 * hugePage / 4} {
			x := Floats(n)
			if len(x) != n || cap(x) < n {
				t.Fatalf("Floats(%d) has length %d", n, len(x))
			}
			for i, v := range x {
				if v != 0 {
					t.Fatalf("Floats(%d)[%d] is %v, want 0", n, i, v)
				}
			}
			for i := range x {
				x[i] = 1
			}
		}
	}
}

package ops

import "testing"

// What is given back serves the next one that fits, and a buffer that is too
// small makes room for a larger one instead of lying about.
func TestScratch(t *testing.T) {
	saved := scratch.free
	scratch.free = nil
	defer func() { scratch.free = saved }()

	a, b := borrow(100), borrow(50)
	if len(a) != 100 || len(b) != 50 || &a[0] == &b[0] {
		t.Fatalf("got %d and %d values", len(a), len(b))
	}
	giveBack(a)
	giveBack(b)
	c, d := borrow(40), borrow(60)
	if &c[0] != &b[0] || len(c) != 40 || &d[0] != &a[0] || len(d) != 60 {
		t.Error("the smallest buffer that fits is not the one that is lent")
	}
	giveBack(c)
	giveBack(d)
	if e := borrow(101); len(e) != 101 || len(scratch.free) != 1 {
		t.Errorf("%d buffers lie about besides the new one, want 1", len(scratch.free))
	}
}

package draw

import "math/bits"

// The rounds of the Feistel network. Four look random to whoever sees few of
// the values (Luby and Rackoff 1988); halves of a bit or two need more until
// every order is equally likely, which a test counts.
const (
	rounds      = 10
	manyRounds  = 24
	narrowWidth = 8 // bits, up to which there are many rounds
)

// Perm is a random order of 0..n-1 that needs no memory for it: position i of
// it costs the same for any i and any n. It is safe for concurrent use.
//
// It is a Feistel network over the least power of two that holds n, with halves
// that may differ by a bit; what falls outside 0..n-1 goes through it again
// until it falls inside ("cycle walking", Black and Rogaway 2002, "Ciphers with
// arbitrary finite domains"), fewer than two times on average.
type Perm struct {
	n           uint64
	left, right uint
	keys        [manyRounds]uint64
	rounds      int
}

// NewPerm is the order of 0..n-1 that belongs to key. It panics where n < 0.
func NewPerm(key uint64, n int) *Perm {
	if n < 0 {
		panic("draw: NewPerm of a negative number")
	}
	p := &Perm{n: uint64(n)}
	width := uint(bits.Len64(uint64(max(n, 1) - 1)))
	p.left, p.right = width/2, width-width/2
	p.rounds = rounds
	if width <= narrowWidth {
		p.rounds = manyRounds
	}
	for i := range p.rounds {
		p.keys[i] = At(key, uint64(i))
	}
	return p
}

// At is the item at position i of the order. It panics outside 0..n-1.
func (p *Perm) At(i int) int {
	if uint64(i) >= p.n {
		panic("draw: position outside the permutation")
	}
	x := uint64(i)
	for {
		l, r := x>>p.right, x&(1<<p.right-1)
		for k := 0; k < p.rounds; k += 2 {
			l ^= half(r^p.keys[k], p.left)
			r ^= half(l^p.keys[k+1], p.right)
		}
		if x = l<<p.right | r; x < p.n {
			return int(x)
		}
	}
}

// half is the top width bits of a mix of x; a shift by 64 gives 0.
func half(x uint64, width uint) uint64 {
	x = (x ^ x>>32) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>29) * 0x94d049bb133111eb
	return x >> (64 - width)
}

package blas

import (
	"sync"

	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
)

// The product of our own: C is cut into tiles that fit the vector registers, k
// into slabs whose pieces of B stay in the caches (Goto and van de Geijn 2008,
// "Anatomy of High-Performance Matrix Multiplication"). B is packed into panels
// as wide as a tile; A is read where it lies, since a broadcast needs no packing.
//
// Each element of C is summed in the same order whatever the tiles, so that C may
// be shared out in any way; only the slabs and the chunks of longSums have to
// depend on the shape alone.

const (
	maxRows = 14 // of the largest tile
	maxTile = maxRows * 32

	slabK     = 384     // rows of B in a slab at most: a panel of it, 48 KiB, and a strip of A stay near
	blockCols = 256     // columns of B that are packed together on one goroutine: 384 KiB a slab
	sharedB   = 1 << 20 // elements of B that are packed together for all goroutines: 4 MiB

	// A transposed A is packed where a strip of it meets that many panels of B and its
	// rows are that long (shorter ones are read as fast where they lie); then so many
	// strips at a time: 384 KiB.
	packedBy, packedRows, stripsPacked = 2, 288, 16
)

// kernel computes a tile of C from k columns of A and k rows of B; strides in elements.
type kernel func(k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, add bool)

// kernels are what one instruction set offers.
type kernels struct {
	vector    int                    // float32 in a vector; a panel is two vectors wide
	rows      int                    // of the largest tile
	byRow     [2][maxRows + 1]kernel // [vectors-1][rows of the tile], A row-major
	byColumn  [2][maxRows + 1]kernel // the same, A transposed
	transpose func(n int, src *float32, lds int, dst *float32, ldd int)
	copyRows  [2]func(n int, src *float32, lds int, dst *float32, ldd int)
}

func (kn *kernels) panel() int { return 2 * kn.vector }

// slab returns the length of the slabs that k is cut into: equal ones, in whole vectors.
func slab(k int) int {
	n := (k + slabK - 1) / slabK
	return ((k+n-1)/n + 15) &^ 15
}

// work is the memory of one goroutine within a product.
type work struct {
	packed []float32
	strips []float32                      // of a transposed A: (strips, k, vector)
	strip  [slabK*16 + maxRows*16]float32 // (k, vector), or (rows, slabK+16)
	tile   [maxTile]float32
}

var works = sync.Pool{New: func() any { return new(work) }}

// grown returns a slice of n elements, s itself if it is large enough.
func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		s = mem.Floats(n)
	}
	return s[:n]
}

// pack copies rows k0 to k1-1 and columns j to j+w-1 of op(B) to dst as one panel,
// w at most its width; what a vector has beyond w becomes zero.
func (kn *kernels) pack(dst []float32, o *operands, k0, k1, j, w int) {
	v, nr, n := kn.vector, kn.panel(), k1-k0
	if !o.tb && w == nr {
		kn.copyRows[1](n, &o.b[k0*o.ldb+j], o.ldb, &dst[0], nr)
		return
	}
	for h := 0; h < w; h += v {
		l := 0 // first row that is left to the plain loop
		switch {
		case w-h < v:
		case !o.tb:
			kn.copyRows[0](n, &o.b[k0*o.ldb+j+h], o.ldb, &dst[h], nr)
			continue
		case n >= v:
			l = n / v * v
			kn.transpose(n/v, &o.b[(j+h)*o.ldb+k0], o.ldb, &dst[h], nr)
		}
		cols := min(v, w-h)
		row, col := o.ldb, 1
		if o.tb {
			row, col = 1, o.ldb
		}
		for ; l < n; l++ {
			d, src := dst[l*nr+h:][:v], o.b[(k0+l)*row+(j+h)*col:]
			for c := range cols {
				d[c] = src[c*col]
			}
			clear(d[cols:])
		}
	}
}

// tiles adds rows i0 to i1-1, columns j0 to j1-1, of the product over k0 ≤ k < k1
// to C, or begins C with it if fresh. b holds the columns from j0 on in panels,
// stride elements from one to the next, ldb from row to row.
func (kn *kernels) tiles(o *operands, w *work, k0, k1, i0, i1, j0, j1 int, b []float32, stride, ldb int, fresh bool) {
	nr := kn.panel()
	strips := (i1 - i0 + kn.rows - 1) / kn.rows
	form := &kn.byRow
	if o.ta {
		form = &kn.byColumn
	}
	// Strips of nearly one size: a thin last one would run at half the speed.
	strip := func(s int) int { return i0 + (i1-i0)*s/strips }
	pack := o.ta && j1-j0 >= packedBy*nr && o.m >= packedRows
	for s := range strips {
		i := strip(s)
		mr := strip(s+1) - i
		at := i*o.lda + k0
		if o.ta {
			at = k0*o.lda + i
		}
		a, lda := &o.a[at], o.lda
		switch {
		case pack:
			if s%stripsPacked == 0 {
				kn.packStrips(w, o, k0, k1, strip, s, min(strips, s+stripsPacked))
			}
			a, lda = &w.strips[s%stripsPacked*(k1-k0)*kn.vector], kn.vector
		case j1-j0 >= 2*nr && conflicts(o):
			a, lda = kn.copyStrip(w, o, k0, k1, i, mr)
		}
		for p, j := 0, j0; j < j1; p, j = p+1, j+nr {
			cols := min(nr, j1-j)
			nv := (cols + kn.vector - 1) / kn.vector
			c := o.c[i*o.ldc+j:]
			if cols == nv*kn.vector {
				form[nv-1][mr](k1-k0, a, lda, &b[p*stride], ldb, &c[0], o.ldc, !fresh)
				continue
			}
			form[nv-1][mr](k1-k0, a, lda, &b[p*stride], ldb, &w.tile[0], nr, false)
			for r := range mr {
				d, t := c[r*o.ldc:][:cols], w.tile[r*nr:][:cols]
				if fresh {
					copy(d, t)
					continue
				}
				for x := range d {
					d[x] += t[x]
				}
			}
		}
	}
}

// packStrips copies strips s0 to s1-1 of a transposed A, rows k0 to k1-1: each
// becomes a vector's width. A few rows are read at a time, over all strips, so that
// memory is read in long pieces and a line that two strips share is read once.
func (kn *kernels) packStrips(w *work, o *operands, k0, k1 int, strip func(int) int, s0, s1 int) {
	const step = 16
	n, v := k1-k0, kn.vector
	w.strips = grown(w.strips, stripsPacked*n*v)
	for l := 0; l < n; l += step {
		rows := min(step, n-l)
		for s := s0; s < s1; s++ {
			i := strip(s)
			dst := w.strips[((s-s0)*n+l)*v:]
			from := (k0+l)*o.lda + i
			if from+(rows-1)*o.lda+v <= len(o.a) {
				kn.copyRows[0](rows, &o.a[from], o.lda, &dst[0], v)
				continue
			}
			mr := strip(s+1) - i
			for r := range rows { // a whole vector would be beyond the end of A
				copy(dst[r*v:][:mr], o.a[from+r*o.lda:])
			}
		}
	}
}

// conflicts tells whether a strip of A falls into so few sets of a cache that it
// does not stay there: 14 rows at multiples of 2 KiB in the first level, hundreds
// of pieces of rows at multiples of 4 KiB in the second.
func conflicts(o *operands) bool {
	if o.ta {
		return o.lda%1024 == 0
	}
	return o.lda%512 == 0
}

// copyStrip copies rows i to i+mr-1, columns k0 to k1-1, of op(A) to where its rows
// do not fall into the same few sets of the cache, and returns them with their stride.
func (kn *kernels) copyStrip(w *work, o *operands, k0, k1, i, mr int) (*float32, int) {
	n := k1 - k0
	if !o.ta {
		const ld = slabK + 16
		for r := range mr {
			copy(w.strip[r*ld:][:n], o.a[(i+r)*o.lda+k0:])
		}
		return &w.strip[0], ld
	}
	ld := kn.vector
	whole := n // rows that a vector may be read from
	for whole > 0 && (k0+whole-1)*o.lda+i+ld > len(o.a) {
		whole--
	}
	if whole > 0 {
		kn.copyRows[0](whole, &o.a[k0*o.lda+i], o.lda, &w.strip[0], ld)
	}
	for l := whole; l < n; l++ {
		copy(w.strip[l*ld:][:mr], o.a[(k0+l)*o.lda+i:])
	}
	return &w.strip[0], ld
}

// serial computes a product on the calling goroutine.
func (kn *kernels) serial(o operands) {
	if chunk := longSum(&o); chunk > 0 {
		kn.longSums(&o, chunk, false)
		return
	}
	kn.columns(&o)
}

// columns computes a product slab by slab, block of columns by block of columns.
func (kn *kernels) columns(o *operands) {
	w := works.Get().(*work)
	nr, kb := kn.panel(), slab(o.k)
	// Packing pays if a panel is used more than a few times; a narrow B lies as if packed.
	inPlace := !o.tb && o.n%kn.vector == 0 && (o.m <= 4*kn.rows || o.ldb <= nr)
	if !inPlace {
		w.packed = grown(w.packed, kb*((min(o.n, blockCols)+nr-1)/nr*nr))
	}
	for j0 := 0; j0 < o.n; j0 += blockCols {
		j1 := min(o.n, j0+blockCols)
		for k0 := 0; k0 < o.k; k0 += kb {
			k1 := min(o.k, k0+kb)
			if inPlace {
				kn.tiles(o, w, k0, k1, 0, o.m, j0, j1, o.b[k0*o.ldb+j0:], nr, o.ldb, k0 == 0 && !o.add)
				continue
			}
			kn.packBlock(w.packed, o, k0, k1, kb, j0, j1)
			kn.tiles(o, w, k0, k1, 0, o.m, j0, j1, w.packed, kb*nr, nr, k0 == 0 && !o.add)
		}
	}
	works.Put(w)
}

// packBlock packs columns j0 to j1-1, panels of kb rows. Where the rows of B lie
// along n it takes a few of them at a time, so that memory is read in long pieces.
func (kn *kernels) packBlock(dst []float32, o *operands, k0, k1, kb, j0, j1 int) {
	nr, step := kn.panel(), 32
	if o.tb {
		step = k1 - k0
	}
	for k := k0; k < k1; k += step {
		for p, j := 0, j0; j < j1; p, j = p+1, j+nr {
			kn.pack(dst[p*kb*nr+(k-k0)*nr:], o, k, min(k1, k+step), j, min(nr, j1-j))
		}
	}
}

// shared is one product that several goroutines work on.
type shared struct {
	operands
	kn     *kernels
	then   then      // nothing but for the last slabs
	packed []float32 // op(B) from row k0 to k1-1: slabs of panels
	k0, k1 int
	sums   []float32 // of longSums, (chunks, m, n)
	chunk  int

	packPanels, doRows, doColumns, doChunks, addChunks func(lo, hi int)
}

var shares = sync.Pool{New: func() any {
	s := new(shared)
	s.packPanels = s.runPack
	s.doRows = s.runRows
	s.doColumns = s.runColumns
	s.doChunks = s.runChunks
	s.addChunks = s.runSums
	return s
}}

func (kn *kernels) share(o *operands) *shared {
	s := shares.Get().(*shared)
	s.operands, s.kn = *o, kn
	return s
}

func (s *shared) release() {
	s.operands, s.then = operands{}, then{}
	shares.Put(s)
}

// all computes a product on all threads.
func (kn *kernels) all(o operands, t then) {
	if chunk := longSum(&o); chunk > 0 {
		kn.longSums(&o, chunk, true)
		t.call(0, o.m, 0, o.n)
		return
	}
	threads := par.Threads()
	// On one thread too, blocks keep a large A in the caches.
	if o.flops() < forkFlops || (threads == 1 && t.after == nil && o.m*o.k <= 1<<18) {
		kn.columns(&o)
		t.call(0, o.m, 0, o.n)
		return
	}
	s := kn.share(&o)
	defer s.release()
	nr := kn.panel()
	panels := (o.n + nr - 1) / nr
	// Goroutines that own columns need not wait for each other, but each reads all of
	// A, and packs it if it is transposed.
	if t.columns() && panels >= 4*threads && (o.m <= o.n || !o.ta && o.m <= 4*o.n) {
		s.then = t
		par.For(panels, (panels+4*threads-1)/(4*threads), s.doColumns)
		return
	}
	rows := max(kn.rows, (o.m+4*threads-1)/(4*threads))
	if o.n > blockCols { // A's part of a task is read for each block: it should fit the caches
		rows = min(rows, max(4*kn.rows, (1<<17)/o.k))
	}
	kb := slab(o.k)
	together := max(1, sharedB/(kb*panels*nr)) * kb
	for s.k0 = 0; s.k0 < o.k; s.k0 = s.k1 {
		s.k1 = min(o.k, s.k0+together)
		if s.k1 == o.k {
			s.then = t
		}
		slabs := (s.k1 - s.k0 + kb - 1) / kb
		s.packed = grown(s.packed, slabs*kb*panels*nr)
		par.For(slabs*panels, max(1, (1<<15)/(kb*nr)), s.packPanels)
		par.For(o.m, rows, s.doRows)
	}
}

// runPack packs panels lo to hi-1, counted through the slabs.
func (s *shared) runPack(lo, hi int) {
	nr, kb := s.kn.panel(), slab(s.k)
	panels := (s.n + nr - 1) / nr
	for p := lo; p < hi; p++ {
		k0, j := s.k0+p/panels*kb, p%panels*nr
		s.kn.pack(s.packed[p*kb*nr:], &s.operands, k0, min(s.k1, k0+kb), j, min(nr, s.n-j))
	}
}

func (s *shared) runRows(lo, hi int) {
	w := works.Get().(*work)
	nr, kb := s.kn.panel(), slab(s.k)
	panels := (s.n + nr - 1) / nr
	for j0 := 0; j0 < s.n; j0 += blockCols {
		j1 := min(s.n, j0+blockCols)
		for k0 := s.k0; k0 < s.k1; k0 += kb {
			b := s.packed[((k0-s.k0)/kb*panels+j0/nr)*kb*nr:]
			s.kn.tiles(&s.operands, w, k0, min(s.k1, k0+kb), lo, hi, j0, j1, b, kb*nr, nr, k0 == 0 && !s.add)
		}
	}
	works.Put(w)
	s.then.call(lo, hi, 0, s.n)
}

func (s *shared) runColumns(lo, hi int) {
	nr := s.kn.panel()
	j0, j1 := lo*nr, min(s.n, hi*nr)
	p := s.part(0, s.m, j0, j1)
	s.kn.columns(&p)
	s.then.call(0, s.m, j0, j1)
}

// longSum tells whether C is so small and k so long that the sum itself should be
// shared out (the weight gradient of a convolution is of that kind), and in chunks
// of which length: 0 means no.
func longSum(o *operands) int {
	if o.k < 4096 || o.m*o.n > 1<<15 {
		return 0
	}
	return max(2048, ((o.k+31)/32+15)&^15)
}

// longSums computes the product of each chunk of k by itself and adds the results in order.
func (kn *kernels) longSums(o *operands, chunk int, parallel bool) {
	s := kn.share(o)
	chunks := (o.k + chunk - 1) / chunk
	s.chunk, s.sums = chunk, grown(s.sums, chunks*o.m*o.n)
	if parallel {
		par.For(chunks, 1, s.doChunks)
		par.For(o.m, max(1, (1<<16)/(chunks*o.n)), s.addChunks)
	} else {
		s.doChunks(0, chunks)
		s.addChunks(0, o.m)
	}
	s.release()
}

func (s *shared) runChunks(lo, hi int) {
	for i := lo; i < hi; i++ {
		p := s.slab(i*s.chunk, min(s.k, (i+1)*s.chunk))
		p.c, p.ldc, p.add = s.sums[i*s.m*s.n:], s.n, false
		s.kn.columns(&p)
	}
}

func (s *shared) runSums(lo, hi int) {
	for i := lo; i < hi; i++ {
		c := s.c[i*s.ldc:][:s.n]
		first := s.sums[i*s.n:][:s.n]
		if s.add {
			for j, v := range first {
				c[j] += v
			}
		} else {
			copy(c, first)
		}
		for at := (s.m + i) * s.n; at < len(s.sums); at += s.m * s.n {
			for j, v := range s.sums[at:][:s.n] {
				c[j] += v
			}
		}
	}
}

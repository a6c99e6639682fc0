package blas

// plain computes a product in plain Go: the twin that the assembly is tested against.
// Every element of C is summed in ascending k, four terms at a time.
func plain(o operands) {
	if o.tb {
		plainDots(o)
		return
	}
	lda, step := o.lda, 1 // from one row of op(A) to the next, from one column to the next
	if o.ta {
		lda, step = 1, o.lda
	}
	n := o.n
	for i := range o.m {
		c := o.c[i*o.ldc : i*o.ldc+n]
		if !o.add {
			clear(c)
		}
		a := o.a[i*lda:]
		l := 0
		for ; l+4 <= o.k; l += 4 {
			a0, a1, a2, a3 := a[l*step], a[(l+1)*step], a[(l+2)*step], a[(l+3)*step]
			b0, b1 := o.b[l*o.ldb:][:n], o.b[(l+1)*o.ldb:][:n]
			b2, b3 := o.b[(l+2)*o.ldb:][:n], o.b[(l+3)*o.ldb:][:n]
			for j := range c {
				c[j] += a0*b0[j] + a1*b1[j] + a2*b2[j] + a3*b3[j]
			}
		}
		for ; l < o.k; l++ {
			al := a[l*step]
			for j, v := range o.b[l*o.ldb:][:n] {
				c[j] += al * v
			}
		}
	}
}

// plainDots is plain for transposed B, whose rows lie along k.
func plainDots(o operands) {
	lda, step := o.lda, 1
	if o.ta {
		lda, step = 1, o.lda
	}
	k := o.k
	for i := range o.m {
		a, c := o.a[i*lda:], o.c[i*o.ldc:i*o.ldc+o.n]
		j := 0
		for ; j+4 <= o.n; j += 4 {
			b0, b1 := o.b[j*o.ldb:][:k], o.b[(j+1)*o.ldb:][:k]
			b2, b3 := o.b[(j+2)*o.ldb:][:k], o.b[(j+3)*o.ldb:][:k]
			var s0, s1, s2, s3 float32
			for l := range b0 {
				v := a[l*step]
				s0 += v * b0[l]
				s1 += v * b1[l]
				s2 += v * b2[l]
				s3 += v * b3[l]
			}
			if o.add {
				s0, s1, s2, s3 = c[j]+s0, c[j+1]+s1, c[j+2]+s2, c[j+3]+s3
			}
			c[j], c[j+1], c[j+2], c[j+3] = s0, s1, s2, s3
		}
		for ; j < o.n; j++ {
			var s float32
			for l, v := range o.b[j*o.ldb:][:k] {
				s += a[l*step] * v
			}
			if o.add {
				s += c[j]
			}
			c[j] = s
		}
	}
}

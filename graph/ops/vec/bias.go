package vec

// The kernels of this file see x as a matrix (rows, cols), row-major.

// AddBias adds bias, (cols), to every row of x, (rows, cols), in place.
func AddBias(x, bias []float32, rows, cols int) {
	matchMatrix(x, rows, cols)
	match(cols, len(bias))
	addBias(x, bias, rows, cols)
}

// AddBiasReLU does AddBias and then ReLU, in place.
func AddBiasReLU(x, bias []float32, rows, cols int) {
	matchMatrix(x, rows, cols)
	match(cols, len(bias))
	addBiasReLU(x, bias, rows, cols)
}

// ColSum adds the sum of each column of x, (rows, cols), to dst, (cols): the
// gradient of a bias. Eight rows at a time are added to one another in pairs and
// then to dst, in ascending order; every path gives the same bits. dst must not
// overlap x.
func ColSum(dst, x []float32, rows, cols int) {
	matchMatrix(x, rows, cols)
	match(cols, len(dst))
	colSum(dst, x, rows, cols)
}

func matchMatrix(x []float32, rows, cols int) {
	if rows < 0 || cols < 0 {
		mismatch(0, min(rows, cols))
	}
	match(rows*cols, len(x))
}

func addBiasGo(x, bias []float32, rows, cols int) {
	for r := range rows {
		row, b := x[r*cols:][:cols], bias[:cols]
		for i := range row {
			row[i] += b[i]
		}
	}
}

func addBiasReLUGo(x, bias []float32, rows, cols int) {
	for r := range rows {
		row, b := x[r*cols:][:cols], bias[:cols]
		for i := range row {
			row[i] = max(row[i]+b[i], 0)
		}
	}
}

func colSumGo(dst, x []float32, rows, cols int) {
	dst = dst[:cols]
	row := func(r int) []float32 { return x[r*cols:][:cols] }
	r := 0
	for ; r+8 <= rows; r += 8 {
		x0, x1, x2, x3 := row(r), row(r+1), row(r+2), row(r+3)
		x4, x5, x6, x7 := row(r+4), row(r+5), row(r+6), row(r+7)
		for j := range dst {
			dst[j] += ((x0[j] + x1[j]) + (x2[j] + x3[j])) + ((x4[j] + x5[j]) + (x6[j] + x7[j]))
		}
	}
	for ; r < rows; r++ {
		x0 := row(r)
		for j := range dst {
			dst[j] += x0[j]
		}
	}
}

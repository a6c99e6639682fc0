package vec

// The kernels of this file see x as a matrix (rows, cols), row-major.

// AddBias adds bias, (cols), to every row of x, (rows, cols), in place.
func AddBias(x, bias []float32, rows, cols int) {
	matchMatrix(x, rows, cols)
	match(cols, len(bias))
	if odd(rows, cols) {
		tiledBias(x, bias, rows, cols, false)
		return
	}
	addBias(x, bias, rows, cols)
}

// AddBiasReLU does AddBias and then ReLU, in place.
func AddBiasReLU(x, bias []float32, rows, cols int) {
	matchMatrix(x, rows, cols)
	match(cols, len(bias))
	if odd(rows, cols) {
		tiledBias(x, bias, rows, cols, true)
		return
	}
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

// tileLen bounds what tiledBias puts together; it fits the first-level cache many times.
const tileLen = 512

// odd says whether rows are so short, and end so unevenly, that they are better
// taken several at a time: the tail of one row and the head of the next lie in
// one vector, and the load of the second waits for the store of the first.
func odd(rows, cols int) bool { return cols%16 != 0 && cols <= tileLen/4 && rows >= 4 }

// tiledBias repeats the bias and sees several rows of x as one.
func tiledBias(x, bias []float32, rows, cols int, relu bool) {
	var buf [tileLen]float32
	k := min(rows, tileLen/cols)
	tile := buf[:k*cols]
	for n := copy(tile, bias); n < len(tile); {
		n += copy(tile[n:], tile[:n])
	}
	whole := rows / k * len(tile)
	head, rest := x[:whole], x[whole:]
	if relu {
		addBiasReLU(head, tile, rows/k, len(tile))
		addBiasReLU(rest, tile[:len(rest)], 1, len(rest))
	} else {
		addBias(head, tile, rows/k, len(tile))
		addBias(rest, tile[:len(rest)], 1, len(rest))
	}
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

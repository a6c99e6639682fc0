package vec

// Activations write dst = f(x). Their gradients write dx = dy·f′, with f′ taken
// from the input x or from the output y of the activation, as the name says.
// Absolute errors are below 5e-7 for |x| ≤ 1, and relative ones beyond.

// ReLU writes max(x, 0).
func ReLU(dst, x []float32) {
	match(len(dst), len(x))
	relu(dst, x)
}

// ReLUGrad writes dy where y > 0 and 0 elsewhere (also at 0, as PyTorch does).
func ReLUGrad(dx, dy, y []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(y))
	reluGrad(dx, dy, y)
}

// LeakyReLU writes x where x > 0 and slope·x elsewhere.
func LeakyReLU(dst, x []float32, slope float32) {
	match(len(dst), len(x))
	leakyReLU(dst, x, slope)
}

// LeakyReLUGrad writes dy where x > 0 and slope·dy elsewhere.
func LeakyReLUGrad(dx, dy, x []float32, slope float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	leakyReLUGrad(dx, dy, x, slope)
}

// ELU writes x where x > 0 and alpha·(eˣ−1) elsewhere (Clevert et al. 2016,
// arXiv:1511.07289, eq. 15).
func ELU(dst, x []float32, alpha float32) {
	match(len(dst), len(x))
	elu(dst, x, alpha)
}

// ELUGrad writes dy where x > 0 and dy·alpha·eˣ elsewhere.
func ELUGrad(dx, dy, x []float32, alpha float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	eluGrad(dx, dy, x, alpha)
}

// GELU writes x·Φ(x), Φ the normal distribution function: the exact form, by erf
// (Hendrycks and Gimpel 2016, arXiv:1606.08415).
func GELU(dst, x []float32) {
	match(len(dst), len(x))
	gelu(dst, x)
}

// GELUGrad writes dy·(Φ(x) + x·φ(x)), φ the normal density.
func GELUGrad(dx, dy, x []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	geluGrad(dx, dy, x)
}

// GELUTanh writes ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), the approximate form of
// arXiv:1606.08415 that GPT-2 and BERT's first code use. It is computed as
// x·σ(2√(2/π)·(x + 0.044715x³)), which is the same.
func GELUTanh(dst, x []float32) {
	match(len(dst), len(x))
	geluTanh(dst, x)
}

// GELUTanhGrad writes dy times the derivative of GELUTanh at x.
func GELUTanhGrad(dx, dy, x []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	geluTanhGrad(dx, dy, x)
}

// Tanh writes the hyperbolic tangent.
func Tanh(dst, x []float32) {
	match(len(dst), len(x))
	tanh(dst, x)
}

// TanhGrad writes dy·(1 − y²).
func TanhGrad(dx, dy, y []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(y))
	tanhGrad(dx, dy, y)
}

// Sigmoid writes 1/(1 + e⁻ˣ).
func Sigmoid(dst, x []float32) {
	match(len(dst), len(x))
	sigmoid(dst, x)
}

// SigmoidGrad writes dy·y·(1 − y).
func SigmoidGrad(dx, dy, y []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(y))
	sigmoidGrad(dx, dy, y)
}

// SiLU writes x·σ(x), also called swish (arXiv:1606.08415, section 3).
func SiLU(dst, x []float32) {
	match(len(dst), len(x))
	silu(dst, x)
}

// SiLUGrad writes dy·σ(x)·(1 + x·(1 − σ(x))).
func SiLUGrad(dx, dy, x []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	siluGrad(dx, dy, x)
}

// Softplus writes log(1 + eˣ).
func Softplus(dst, x []float32) {
	match(len(dst), len(x))
	softplus(dst, x)
}

// SoftplusGrad writes dy·σ(x).
func SoftplusGrad(dx, dy, x []float32) {
	match(len(dx), len(dy))
	match(len(dx), len(x))
	softplusGrad(dx, dy, x)
}

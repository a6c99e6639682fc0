package vec

// Coefficients of the approximations, shared by the assembly and its plain Go
// twins. The polynomials are minimax fits (Remez exchange) of the stated relative error.
const (
	log2e = 1.4426950408889634
	ln2hi = 0.693359375    // nine bits: n·ln2hi is exact
	ln2lo = -2.12194440e-4 // ln 2 − ln2hi

	expLow  = -104 // below it eˣ rounds to 0
	expHigh = 89   // above it eˣ is +Inf

	// eʳ = 1 + r + r²·(exp0 + exp1·r + …), |r| ≤ ln2/2; 3.1e-9.
	exp0 = 0.499999934479
	exp1 = 0.166665206287
	exp2 = 0.041668387991
	exp3 = 0.00836871715705
	exp4 = 0.00138146024547

	// log(1+f) with s = f/(2+f): 2·atanh s = 2s + s³·(log0 + log1·s² + …), |s| ≤ 3−2√2; 8.0e-10.
	log0 = 0.666667761525
	log1 = 0.39977564822
	log2 = 0.298712063914

	// The same for s ≤ 1/3: 2·atanh s = 2s·(1 + s²·(atanh0 + atanh1·s² + …)); 4.5e-9.
	atanh0 = 0.333332081449
	atanh1 = 0.200107635098
	atanh2 = 0.140009039508
	atanh3 = 0.140059890632

	// Φ(−a) = exp(−a²/2)·t·(cdf0 + cdf1·t + …), t = 1/(1 + cdfT·a), 0 ≤ a ≤ 14; 9.4e-8.
	// The form is that of Abramowitz and Stegun, 7.1.26, with three more terms.
	cdfT = 0.305
	cdf0 = 0.1216397345
	cdf1 = 0.1224667871
	cdf2 = 0.1034210626
	cdf3 = 0.1210210078
	cdf4 = -0.03797553337
	cdf5 = 0.185715481
	cdf6 = -0.1529874849
	cdf7 = 0.03669899235

	geluEnd = 16                  // GELU(x) is 0 or x to the last bit beyond it
	phi0    = 0.3989422804014327  // 1/√(2π), the normal density at 0
	geluA   = 1.5957691216057308  // 2·√(2/π)
	geluB   = 0.07135481627260025 // geluA·0.044715
	geluB3  = 0.21406444881780075 // 3·geluB
	siluEnd = 104                 // as geluEnd, for SiLU
)

package ops

import "math"

// AttentionOf gives the probabilities of self attention by its projection of one
// example, qkv, (T, 3D): p, (T, T), of one of the heads, row t being what token t looks
// at. It is what Attention computes where every token looks at all, plainly, to be looked
// at.
func AttentionOf(qkv []float32, tokens, heads, head int) []float32 {
	ld := len(qkv) / tokens
	dim := ld / 3
	d := dim / heads
	p := make([]float32, tokens*tokens)
	for t := range tokens {
		q, row := qkv[t*ld+head*d:][:d], p[t*tokens:(t+1)*tokens]
		scores, largest := make([]float64, tokens), math.Inf(-1)
		for s := range scores {
			k := qkv[s*ld+dim+head*d:][:d]
			for j, v := range q {
				scores[s] += float64(v) * float64(k[j])
			}
			scores[s] /= math.Sqrt(float64(d))
			largest = max(largest, scores[s])
		}
		var sum float64
		for s, v := range scores {
			scores[s] = math.Exp(v - largest)
			sum += scores[s]
		}
		for s, v := range scores {
			row[s] = float32(v / sum)
		}
	}
	return p
}

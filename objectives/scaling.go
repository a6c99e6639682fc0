package objectives

import "x2vec/graph/ops/vec"

// Scaling says how the bytes of an example become numbers: x = byte/255,
// then, where they are set, minus Mean and divided by Std.
type Scaling struct {
	// Mean is empty, or has one value for each value of an example (C, H, W).
	Mean []float32
	// Std is empty, or has one value a channel, repeated over (C, H, W).
	Std []float32
	// Lightness has an encoder see of a picture in colour its lightness alone, one
	// channel, as (L − 50)/50 of CIE Lab: about −1 to 1. Mean and Std are empty then.
	Lightness bool
	// Past is how many frames of a clip an encoder sees, the first ones, as channels of
	// one picture; 0: all of what it is given.
	Past int
	// Palette is empty, or the colours, (K, C), by whose numbers an objective shows
	// pixels to its encoder: see Quantizer.
	Palette []byte
}

// Apply converts n examples: src (n, C, H, W) bytes, dst the same in numbers.
func (z Scaling) Apply(dst []float32, src []byte) {
	if len(z.Mean) == 0 && len(z.Std) == 0 {
		vec.FromBytes(dst, src, 1.0/255, 0)
		return
	}
	size := max(len(z.Mean), len(z.Std))
	for at := 0; at < len(src); at += size {
		d := dst[at : at+size]
		if len(z.Mean) > 0 {
			vec.FromBytesSub(d, src[at:at+size], 1.0/255, z.Mean)
		} else {
			vec.FromBytes(d, src[at:at+size], 1.0/255, 0)
		}
		for i, s := range z.Std {
			d[i] /= s
		}
	}
}

// Normalize scales values in 0..1 of n examples, (n, C, H, W), in place, as Apply does
// those of bytes.
func (z Scaling) Normalize(x []float32) {
	size := max(len(z.Mean), len(z.Std))
	if size == 0 {
		return
	}
	for at := 0; at < len(x); at += size {
		d := x[at : at+size]
		if len(z.Mean) > 0 {
			vec.Sub(d, d, z.Mean)
		}
		for i, s := range z.Std {
			d[i] /= s
		}
	}
}

// Undo converts numbers of one example back to 0..1, for pictures.
func (z Scaling) Undo(dst, src []float32) {
	copy(dst, src)
	for i, s := range z.Std {
		dst[i] *= s
	}
	for i, m := range z.Mean {
		dst[i] += m
	}
}

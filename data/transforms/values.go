package transforms

import "fmt"

// Normalize writes the bytes of one example (C, H, W) as (p/255 − mean)/std,
// each channel with its own; empty mean and std leave p/255.
func Normalize(dst []float32, src []byte, mean, std []float32) error {
	if len(mean) == 0 && len(std) == 0 {
		mean, std = []float32{0}, []float32{1}
	}
	if len(mean) != len(std) || len(src)%len(mean) != 0 || len(dst) != len(src) {
		return fmt.Errorf("%d bytes into %d values with %d means and %d deviations", len(src), len(dst), len(mean), len(std))
	}
	plane := len(src) / len(mean)
	for c := range mean {
		if std[c] <= 0 {
			return fmt.Errorf("deviation of channel %d is %g, want more than 0", c, std[c])
		}
		scale, shift := 1/(255*std[c]), -mean[c]/std[c]
		out := dst[c*plane : (c+1)*plane]
		for i, p := range src[c*plane : (c+1)*plane] {
			out[i] = float32(p)*scale + shift
		}
	}
	return nil
}

// Bytes is the inverse of Normalize: what a network gave, to look at. Values
// outside what a byte holds become 0 or 255, and so does what is not a number.
func Bytes(dst []byte, src []float32, mean, std []float32) error {
	if len(mean) == 0 && len(std) == 0 {
		mean, std = []float32{0}, []float32{1}
	}
	if len(mean) != len(std) || len(src)%len(mean) != 0 || len(dst) != len(src) {
		return fmt.Errorf("%d values into %d bytes with %d means and %d deviations", len(src), len(dst), len(mean), len(std))
	}
	plane := len(src) / len(mean)
	for c := range mean {
		out := dst[c*plane : (c+1)*plane]
		for i, v := range src[c*plane : (c+1)*plane] {
			v = (v*std[c]+mean[c])*255 + 0.5
			switch {
			case v >= 255:
				out[i] = 255
			case v >= 0:
				out[i] = byte(v)
			default: // below 0, and NaN
				out[i] = 0
			}
		}
	}
	return nil
}

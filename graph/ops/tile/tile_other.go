//go:build !amd64

package tile

// Available reports whether this machine has the inner loops.
func Available() bool { return false }

func gather(int, []float32, []int, int, []Segment, int, []float32, []float32, []int, int, []float32, float32) {
	panic("tile: not on this machine")
}

func outer(int, []float32, int, []float32, []int, int, []Line, int, []float32, int) {
	panic("tile: not on this machine")
}

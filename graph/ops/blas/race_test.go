//go:build race

package blas

// raceDetector makes plain Go slow and lets sync.Pool drop what it is given.
const raceDetector = true

//go:build !race

package opstest

// RaceDetector is whether the tests run under the race detector.
const RaceDetector = false

//go:build !race

package opstest

const raceDetector = false

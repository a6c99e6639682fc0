//go:build race

package opstest

// RaceDetector is whether the tests run under the race detector, which keeps
// memory of its own: allocations are not counted then.
const RaceDetector = true

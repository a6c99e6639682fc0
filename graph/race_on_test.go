//go:build race

package graph_test

// raceDetector is whether the tests run under the race detector, which keeps
// memory of its own.
const raceDetector = true

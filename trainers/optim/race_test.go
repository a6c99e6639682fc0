//go:build race

package optim

func init() { raceDetector = true }

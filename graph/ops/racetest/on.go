//go:build race

// Package racetest says whether tests run under the race detector.
package racetest

// On is whether they do. It keeps memory of its own, makes plain Go slow, and has
// sync.Pool forget at random: allocations are not counted then.
const On = true

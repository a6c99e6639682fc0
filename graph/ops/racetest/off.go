//go:build !race

// Package racetest says whether tests run under the race detector.
package racetest

// On is whether they do.
const On = false

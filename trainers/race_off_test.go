//go:build !race

package trainers_test

const underRace = false

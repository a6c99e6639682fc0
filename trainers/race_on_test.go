//go:build race

package trainers_test

// underRace says that the race detector, which allocates, watches.
const underRace = true

//go:build !unix

package serve

import "testing"

// pipe makes nothing: there are none in folders here.
func pipe(testing.TB, string) {}

// cpuSeconds is not known here.
func cpuSeconds() float64 { return 0 }

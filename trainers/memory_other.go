//go:build !linux

package trainers

import "runtime"

// residentMB is the memory that the program has from the system, in megabytes.
func residentMB() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys-m.HeapReleased) / 1e6
}

//go:build unix && !linux

package checkpoints

import "time"

// processStart is when a process began; here that is not known.
func processStart(int) (time.Time, bool) { return time.Time{}, false }

package checkpoints

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks are how many times a second Linux counts for a program to read, on every
// machine that Go runs on.
const ticks = 100

// processStart is when a process began: proc(5), /proc/PID/stat, starttime, which
// counts from when the machine was started: /proc/stat, btime.
func processStart(pid int) (time.Time, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}, false
	}
	// The name of the program, in brackets, may hold anything; the third field
	// follows it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const starttime = 22 - 3
	if len(fields) <= starttime {
		return time.Time{}, false
	}
	after, err := strconv.ParseInt(fields[starttime], 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	all, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, false
	}
	_, rest, _ := strings.Cut(string(all), "\nbtime ")
	line, _, _ := strings.Cut(rest, "\n")
	boot, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(boot+after/ticks, 0), true
}

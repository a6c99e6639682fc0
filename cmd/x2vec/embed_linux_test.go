package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Memory does not grow with the number of examples.
func TestEmbedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 80 MB")
	}
	run := filepath.Join(t.TempDir(), "run")
	expect(t, 0, nil, "train", writeJob(t, fmt.Sprintf(strings.Replace(small, "count = 600", "count = 40000\nlimit = 600", 1), 12)), "--out", run, "--set", "encoder.hidden=[512]")
	var rss [2]int64
	for i, from := range []string{"", "synthetic"} { // 600 examples, then 60,000
		c := command("embed", run, "--data", from, "--layer", "encoder/fc0", "-o", filepath.Join(t.TempDir(), "z.npy"))
		var text bytes.Buffer
		c.Stderr = &text
		if err := c.Run(); err != nil {
			t.Fatalf("%v: %s", err, &text)
		}
		rss[i] = c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	if grown := (rss[1] - rss[0]) << 10; grown > 30e6 {
		t.Errorf("60,000 codes of 2 kB take %d bytes more than 600", grown)
	}
}

package job

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestWorst bounds the time that a hostile run file can take.
func TestWorst(t *testing.T) {
	var keys strings.Builder
	for i := 0; keys.Len() < maxFile-20; i++ {
		fmt.Fprintf(&keys, "k%d=1\n", i)
	}
	half := maxFile/2 - 100
	for name, text := range map[string]string{
		"many unknown keys":     keys.String(),
		"a long unknown key":    strings.Repeat("k", maxFile-10) + " = 1",
		"a key of many parts":   strings.TrimSuffix(strings.Repeat("k.", half), ".") + " = 1",
		"a deep list":           "k = " + strings.Repeat("[", half) + strings.Repeat("]", half),
		"a deep inline table":   "k = " + strings.Repeat("{k=", maxFile/4-10) + "1" + strings.Repeat("}", maxFile/4-10),
		"many tables":           strings.Repeat("[[k]]\n", maxFile/6-1),
		"an unclosed string":    "k = \"\"\"" + strings.Repeat("x\n", half),
		"a list of many widths": "[encoder]\nhidden = [" + strings.Repeat("0,", half-20) + "]",
	} {
		began := time.Now()
		_, err := Parse("x.toml", []byte(text), nil)
		took := time.Since(began)
		t.Logf("%s: %v", name, took)
		if err == nil || took > 5*time.Second {
			t.Errorf("%s: %v, error %v", name, took, err != nil)
		}
	}
}

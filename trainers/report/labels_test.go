package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// The plot is well-formed, holds every line by its name, and no name covers another.
func TestLabelCurves(t *testing.T) {
	lines := []LabelLine{
		{"a <b>", []LabelPoint{{100, 0.5, 0.05}, {1000, 0.7, 0.01}}},
		{"c", []LabelPoint{{100, 0.4, 0.45}, {1000, 0.7, 0}}},
		{"d", []LabelPoint{{1000, 0.7, 0.4}}},
		{"none", nil},
	}
	for name, lines := range map[string][]LabelLine{"many": lines, "one point": lines[2:3], "none": nil} {
		got := LabelCurves("run & data", "accuracy", true, lines)
		d := xml.NewDecoder(bytes.NewReader(got))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, got)
			}
		}
		if strings.Contains(string(got), "NaN") || strings.Contains(string(got), "Inf") || strings.Contains(string(got), "%!") {
			t.Errorf("%s: %s", name, got)
		}
	}
	got := string(LabelCurves("run & data", "accuracy", true, lines))
	for _, want := range []string{"run &amp; data", ">a &lt;b&gt;</text>", ">c</text>", ">1,000</text>", ">60 %</text>"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing:\n%s", want, got)
		}
	}
	at := nameHeights(lines, func(v float64) float64 { return 100 * v })
	for i, a := range at[:3] {
		for _, b := range at[:i] {
			if d := a - b; d > -17 && d < 17 {
				t.Errorf("names stand at %v", at)
			}
		}
	}
}

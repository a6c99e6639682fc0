package trainers

import (
	"fmt"
	"strconv"
	"strings"

	"x2vec/data"
)

// A LabelCount says how many training labels are used: so many of each class, or a
// share of each class; all where both are 0.
type LabelCount struct {
	PerClass int
	Share    float64
}

// ParseLabelCount reads all, 10 or 5%.
func ParseLabelCount(text string) (LabelCount, error) {
	if text == "all" {
		return LabelCount{}, nil
	}
	if digits, ok := strings.CutSuffix(text, "%"); ok {
		if p, err := strconv.ParseFloat(digits, 64); err == nil && p > 0 && p <= 100 {
			return LabelCount{Share: p / 100}, nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return LabelCount{PerClass: n}, nil
	}
	return LabelCount{}, fmt.Errorf("is %q, want all, a number of labels of each class such as 10, or a share such as 5%%", text)
}

func (l LabelCount) String() string {
	switch {
	case l.PerClass > 0:
		return strconv.Itoa(l.PerClass)
	case l.Share > 0:
		return strconv.FormatFloat(100*l.Share, 'g', -1, 64) + "%"
	}
	return "all"
}

// Part is what is drawn by a seed: every class on its own, and a smaller count is in a
// larger one.
func (l LabelCount) Part(seed uint64) data.Part {
	return data.Part{PerClass: l.PerClass, Share: l.Share, Seed: seed}
}

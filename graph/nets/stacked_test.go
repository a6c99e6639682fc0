package nets

import (
	"fmt"
	"testing"
)

// The settings of a stacked encoder are told, not where they lie: codes are kept by them.
func TestStackedString(t *testing.T) {
	make := func() *Stacked { return &Stacked{Base: &MLP{Hidden: []int{8}, Code: 3}, Top: &Clusters{K: 5}} }
	a, b := fmt.Sprintf("%+v", make()), fmt.Sprintf("%+v", make())
	other := make()
	other.Base.(*MLP).Code = 4
	if a != b || a == fmt.Sprintf("%+v", other) {
		t.Errorf("%s\n%s\n%+v", a, b, other)
	}
}

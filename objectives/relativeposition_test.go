package objectives_test

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

// pooled is a convolution and the mean over all places.
type pooled struct{}

func (pooled) Check([]int) error  { return nil }
func (pooled) CodeSize([]int) int { return 6 }
func (pooled) SizeFree() bool     { return true }
func (pooled) Encode(s *graph.Scope, x *G.Node) *G.Node {
	m := layers.Conv2D(s, "conv", layers.Images(s, x), 6, ops.Square(3, 1, 1), layers.Act(ops.Activation{Func: ops.Tanh}))
	return s.Tap("code", layers.GlobalAvgPool(s, m))
}

func TestRelativePosition(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 16, Channels: 3, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	bare := smallViT()
	bare.ClassToken = false
	for name, c := range map[string]struct {
		encoder nets.Encoder
		patch   int
	}{
		"vit":    {bare, 4},
		"pooled": {pooled{}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: &objectives.RelativePosition{Patch: c.patch, Gap: 1, Jitter: 1, Hidden: 12},
				Task:      objectives.Task{Encoder: c.encoder, Batch: 8, Seed: 5},
				Source:    src,
				Steps:     100, Rate: 0.1, Fall: 0.95,
				Refused: map[string]objectives.Objective{
					"3 x 3 patches of 6 with a gap of 0, each moved by up to 0, take 18 pixels": &objectives.RelativePosition{Patch: 6, Hidden: 4},
					"patch: is 0, want 1 to 4096":      &objectives.RelativePosition{Hidden: 4},
					"gap: is -1, want 0 to 4096":       &objectives.RelativePosition{Patch: 4, Gap: -1, Hidden: 4},
					"jitter: is 99999, want 0 to 4096": &objectives.RelativePosition{Patch: 4, Jitter: 99999, Hidden: 4},
					"hidden: is 0, want 1 to 4096":     &objectives.RelativePosition{Patch: 4},
				},
			})
		})
	}
}

// squares are pictures whose pixels say where they are: 16 times the row, plus the
// column.
type squares struct{}

func (squares) Spec() data.Spec {
	return data.Spec{Name: "squares", Split: "train", Shape: []int{1, 16, 16}}
}
func (squares) Len() int { return 1000 }
func (squares) Read(_ int, into *data.Example) error {
	for i := range into.Pixels {
		into.Pixels[i] = byte(i)
	}
	return nil
}

// The second patch is where the answer says, within the jitter; all answers and
// places come.
func TestRelativePositionPairs(t *testing.T) {
	o := &objectives.RelativePosition{Patch: 3, Gap: 1, Jitter: 1, Hidden: 4}
	n := squares{}.Len()
	f, _ := prepared(t, o, objectives.Task{Encoder: pooled{}, Batch: n}, squares{}, 0)
	patches := f.F["patches"]
	at := func(i int) (y, x int) { // of the first pixel of a patch
		first := int(patches[i*9]*255 + 0.5)
		for j, v := range patches[i*9 : (i+1)*9] {
			if got := int(v*255 + 0.5); got != first+j/3*16+j%3 {
				t.Fatalf("patch %d is no square: %v", i, patches[i*9:(i+1)*9])
			}
		}
		return first / 16, first % 16
	}
	names := []string{"above left", "above", "above right", "left", "right", "below left", "below", "below right"}
	seen, offsets := make([]int, 8), map[int]bool{}
	for i := range n {
		y0, x0 := at(2 * i)
		y1, x1 := at(2*i + 1)
		name := ""
		for _, side := range []struct {
			d          int
			less, more string
		}{{y1 - y0, "above ", "below "}, {x1 - x0, "left", "right"}} {
			switch {
			case side.d <= -2 && side.d >= -6:
				name += side.less
			case side.d >= 2 && side.d <= 6:
				name += side.more
			case side.d < -2 || side.d > 2:
				t.Fatalf("the patches are %d apart", side.d)
			}
		}
		// Between -2 and 2 both are possible, so that the name may be too long.
		which := f.I["which"][i]
		for _, word := range strings.Fields(names[which]) {
			if !strings.Contains(name, word) {
				t.Fatalf("the second patch is %d down and %d right, and called %s", y1-y0, x1-x0, names[which])
			}
		}
		seen[which]++
		offsets[y1-y0] = true
	}
	for which, count := range seen {
		if count < n/16 {
			t.Errorf("%s comes %d times of %d", names[which], count, n)
		}
	}
	for d := -6; d <= 6; d++ {
		if near := d < 0 && d > -2 || d > 0 && d < 2; !offsets[d] && !near {
			t.Errorf("no two patches are %d rows apart", d)
		}
	}
}

func TestRelativePositionRefusesTasks(t *testing.T) {
	o := &objectives.RelativePosition{Patch: 4, Hidden: 4}
	picture := data.Spec{Name: "x", Shape: []int{1, 16, 16}}
	odd := smallViT()
	odd.Patch = 8
	for want, task := range map[string]objectives.Task{
		"relative-position needs pictures":                  {Spec: data.Spec{Name: "x", Shape: []int{64}}},
		"the same parameters for a patch and for a picture": {Spec: picture, Encoder: &nets.MLP{Code: 2, Activation: "relu"}},
		"pictures of 4x4 cannot be cut into patches of 8x8": {Spec: picture, Encoder: odd},
	} {
		if err := o.Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

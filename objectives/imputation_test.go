package objectives_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"x2vec/data/readers"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

func TestImputation(t *testing.T) {
	for _, o := range []*objectives.Imputation{
		{Hide: "channel", Share: 0.5, Loss: "l2"},
		{Hide: "band", Share: 0.3, Loss: "l2"},
		{Hide: "block", Share: 0.4, Loss: "l2"},
	} {
		t.Run(o.Hide, func(t *testing.T) {
			src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 8, Channels: 3, Count: 40})
			if err != nil {
				t.Fatal(err)
			}
			objectivetest.Run(t, objectivetest.Case{
				Objective: o,
				Task:      objectives.Task{Encoder: &nets.MLP{Hidden: []int{12}, Code: 4, Activation: "tanh"}, Batch: 8, Seed: 5},
				Source:    src,
				Steps:     150, Rate: 0.5, Fall: 0.9,
				Refused: map[string]objectives.Objective{
					`loss: is "bce", want l2 or l1`:                   &objectives.Imputation{Hide: "band", Share: 0.5, Loss: "bce"},
					`hide: is "half", want channel, band or block`:    &objectives.Imputation{Hide: "half", Share: 0.5, Loss: "l2"},
					"share: is 1, want a share above 0 and below 1":   &objectives.Imputation{Hide: "band", Share: 1, Loss: "l2"},
					"share: is NaN, want a share above 0 and below 1": &objectives.Imputation{Hide: "band", Share: math.NaN(), Loss: "l2"},
				},
			})

			if o.Hide == "block" {
				return // TestImputationBlock
			}
			// What the encoder sees is the picture with zeros in the hidden lines, and
			// these are one channel, or 2 of 8 lines that follow each other.
			f, _ := prepared(t, o, objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Batch: 40}, src, 0)
			var channels, tops [8]int
			for i := range 40 {
				var lines []int
				for line := range 3 * 8 {
					at := i*24 + line
					hidden := f.F["hidden"][at] == 1
					if hidden {
						lines = append(lines, line)
					}
					for x := range 8 {
						seen, clean := f.F["seen"][at*8+x], f.F["x"][at*8+x]
						if hidden && seen != 0 || !hidden && seen != clean {
							t.Fatalf("line %d of example %d, hidden: %v, is seen as %v and is %v", line, i, hidden, seen, clean)
						}
					}
				}
				if o.Hide == "channel" {
					if len(lines) != 8 || lines[0]%8 != 0 || lines[7] != lines[0]+7 {
						t.Fatalf("hidden are lines %v", lines)
					}
					channels[lines[0]/8]++
					continue
				}
				top := lines[0]
				if len(lines) != 6 || lines[1] != top+1 || lines[2] != top+8 || lines[3] != top+9 || lines[4] != top+16 || lines[5] != top+17 {
					t.Fatalf("hidden are lines %v", lines)
				}
				tops[top]++
			}
			if o.Hide == "channel" && min(channels[0], channels[1], channels[2]) < 4 {
				t.Errorf("channels are hidden %v times", channels[:3])
			}
			if o.Hide == "band" && min(tops[0], tops[6]) == 0 {
				t.Errorf("bands begin at lines %v times", tops[:7])
			}
		})
	}
}

// A block is a rectangle of the share of the pixels, the same in all channels, whose
// sides are in a ratio of 1/2 to 2 but for whole pixels and the picture's borders; what
// the encoder sees is zero there and there alone.
func TestImputationBlock(t *testing.T) {
	const n, size = 200, 16
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: size, Channels: 3, Count: n})
	if err != nil {
		t.Fatal(err)
	}
	for _, share := range []float64{0.001, 0.25, 0.5, 0.9, 0.999} {
		o := &objectives.Imputation{Hide: "block", Share: share, Loss: "l2"}
		task := objectives.Task{Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Batch: n}
		f, b := prepared(t, o, task, src, 0)
		again, _ := prepared(t, o, task, src, 0)
		other, _ := prepared(t, o, task, src, 1)
		if !slices.Equal(f.F["hidden"], again.F["hidden"]) || slices.Equal(f.F["hidden"], other.F["hidden"]) {
			t.Errorf("share %g: an epoch hides the same again: %v, another one hides what it does: %v", share,
				slices.Equal(f.F["hidden"], again.F["hidden"]), slices.Equal(f.F["hidden"], other.F["hidden"]))
		}
		var area float64
		shapes, places := map[[2]int]bool{}, map[[2]int]bool{}
		for i := range n {
			hidden := f.F["hidden"][i*3*size*size:][:3*size*size]
			top, left, bottom, right := size, size, -1, -1
			for at, h := range hidden {
				x := float32(b.Pixels[i*len(hidden)+at]) / 255
				if h != 0 {
					x = 0
				}
				if got := f.F["seen"][i*len(hidden)+at]; h != 0 && h != 1 || math.Abs(float64(got-x)) > 1e-6 {
					t.Fatalf("share %g: value %d of example %d, hidden: %v, is seen as %v", share, at, i, h, got)
				}
				if y, x := at/size%size, at%size; h != 0 {
					top, bottom, left, right = min(top, y), max(bottom, y), min(left, x), max(right, x)
				}
			}
			h, w := bottom-top+1, right-left+1
			if !slices.Equal(hidden[:size*size], hidden[size*size:2*size*size]) || !slices.Equal(hidden[:size*size], hidden[2*size*size:]) {
				t.Fatalf("share %g: of example %d other pixels are hidden in other channels", share, i)
			}
			count := 0
			for _, h := range hidden[:size*size] {
				count += int(h)
			}
			if count != h*w || count == size*size {
				t.Fatalf("share %g: of example %d is hidden what is no rectangle, in %dx%d", share, i, h, w)
			}
			if ratio := float64(h) / float64(w); share == 0.25 && (ratio < 0.45 || ratio > 2.2) {
				t.Errorf("example %d: sides %dx%d", i, h, w)
			}
			area += float64(h*w) / (n * size * size)
			shapes[[2]int{h, w}], places[[2]int{top, left}] = true, true
		}
		// A block that is as wide or high as the picture has whole lines alone.
		if off := math.Abs(area - share); off > 1./size || off > 0.01 && share < 0.6 {
			t.Errorf("share %g: hidden are %g", share, area)
		}
		if share == 0.25 && (len(shapes) < 5 || len(places) < 40) {
			t.Errorf("blocks of %d shapes at %d places", len(shapes), len(places))
		}
	}
}

func TestImputationRefusesTasks(t *testing.T) {
	grey := tiny(t).Spec()
	row := grey
	row.Shape = []int{64}
	for want, task := range map[string]objectives.Task{
		"imputation needs an encoder that can be turned round": {Encoder: smallViT(), Spec: grey},
		"the only channel of a picture":                        {Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: grey},
		"want band or block":                                   {Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: grey},
		"imputation needs pictures":                            {Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: row},
	} {
		o := &objectives.Imputation{Hide: "channel", Share: 0.5, Loss: "l2"}
		if err := o.Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

package objectives_test

import (
	"math"
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
					`hide: is "half", want channel or band`:           &objectives.Imputation{Hide: "half", Share: 0.5, Loss: "l2"},
					"share: is 1, want a share above 0 and below 1":   &objectives.Imputation{Hide: "band", Share: 1, Loss: "l2"},
					"share: is NaN, want a share above 0 and below 1": &objectives.Imputation{Hide: "band", Share: math.NaN(), Loss: "l2"},
				},
			})

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

func TestImputationRefusesTasks(t *testing.T) {
	grey := tiny(t).Spec()
	row := grey
	row.Shape = []int{64}
	for want, task := range map[string]objectives.Task{
		"imputation needs an encoder that can be turned round": {Encoder: smallViT(), Spec: grey},
		"the only channel of a picture":                        {Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: grey},
		"imputation needs pictures":                            {Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: row},
	} {
		o := &objectives.Imputation{Hide: "channel", Share: 0.5, Loss: "l2"}
		if err := o.Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

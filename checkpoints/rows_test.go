package checkpoints

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSaveRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes.safetensors")
	labels := make([]int32, 3)
	rest := []Array{{Name: "labels", Shape: []int{3}, I32: labels}, {Name: "sums", Shape: []int{3, 2}, U8: []byte{1, 2, 3, 4, 5, 6}}}
	err := SaveRows(path, "x", 3, rest, func(put func([]float32, int) error) error {
		copy(labels, []int32{7, 8, 9}) // may be set as late as this
		if err := put([]float32{1, 2, 3, 4}, 2); err != nil {
			return err
		}
		return put([]float32{5, 6}, 2)
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := f.Array("x")
	l, _ := f.Array("labels")
	if !slices.Equal(x.Shape, []int{3, 2}) || !slices.Equal(x.F32, []float32{1, 2, 3, 4, 5, 6}) || !slices.Equal(l.I32, []int32{7, 8, 9}) {
		t.Errorf("reads back %v %v %v", x.Shape, x.F32, l.I32)
	}
	for want, rows := range map[string][][]float32{
		"fewer rows than were announced": {{1, 2}},
		"want at most 2 rows of 2":       {{1, 2}, {1, 2, 3, 4, 5, 6}},
		"want at most 1 rows of 2":       {{1, 2, 3, 4}, {1, 2, 3}},
	} {
		err := SaveRows(path+"2", "x", 3, nil, func(put func([]float32, int) error) error {
			for _, r := range rows {
				if err := put(r, 2); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rows %v: %v, want %q", rows, err, want)
		}
		if _, err := os.Stat(path + "2"); err == nil {
			t.Errorf("rows %v left a file", rows)
		}
	}
}

package job

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/trainers"
)

// pictures is a source of bytes.
type pictures struct {
	shape  []int
	pixels []byte
}

func (p pictures) Spec() data.Spec {
	return data.Spec{Name: "pictures", Split: "test", Shape: p.shape}
}
func (p pictures) Len() int { return len(p.pixels) / p.Spec().Size() }
func (p pictures) Read(i int, into *data.Example) error {
	size := p.Spec().Size()
	copy(into.Pixels, p.pixels[i*size:])
	into.Label = -1
	return nil
}

// Weights that timm and torchvision wrote give their codes here, and go back to the same
// bytes. testdata/foreign/make.py made them; X2VEC_FOREIGN may name another folder of
// its making.
func TestForeignWeights(t *testing.T) {
	folder := filepath.Join("testdata", "foreign")
	if f := os.Getenv("X2VEC_FOREIGN"); f != "" {
		folder = f
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.codes.safetensors"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	for _, codesFile := range files {
		file := strings.TrimSuffix(codesFile, ".codes.safetensors") + ".safetensors"
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := checkpoints.ReadSafetensors(codesFile)
			if err != nil {
				t.Fatal(err)
			}
			x, _ := want.Array("pixels")
			codes, _ := want.Array("codes")
			m, err := ReadForeign(file, x.Shape[1:], false)
			if err != nil {
				t.Fatal(err)
			}
			run := filepath.Join(t.TempDir(), "run")
			if err := m.Import(file, run, nil, nil, nil, Resolved{}); err != nil {
				t.Fatal(err)
			}
			kept, err := Keep(run, Newest)
			if err != nil {
				t.Fatal(err)
			}
			got, err := trainers.Features(context.Background(), kept.Task, kept.Params, pictures{x.Shape[1:], x.U8}, trainers.CodeTap)
			if err != nil {
				t.Fatal(err)
			}
			largest := 0.0
			for _, v := range codes.F32 {
				largest = max(largest, math.Abs(float64(v)))
			}
			if len(got.X) != len(codes.F32) || largest == 0 {
				t.Fatalf("%d values, want %d", len(got.X), len(codes.F32))
			}
			for i, v := range got.X {
				if d := math.Abs(float64(v) - float64(codes.F32[i])); d > 2e-5*largest {
					t.Fatalf("value %d is %g, want %g", i, v, codes.F32[i])
				}
			}

			list, meta, mapping, err := kept.Export(m.Scheme)
			if err != nil {
				t.Fatal(err)
			}
			var back bytes.Buffer
			if err := checkpoints.WriteSafetensors(&back, list, meta); err != nil {
				t.Fatal(err)
			}
			original, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back.Bytes(), original) {
				t.Errorf("the way back does not give the same bytes (%d and %d):\n%v", back.Len(), len(original), mapping)
			}
		})
	}
}

// What is unknown, missing or of another shape is told at once, with what is nearest.
func TestForeignFaults(t *testing.T) {
	file, err := checkpoints.ReadSafetensors(filepath.Join("testdata", "foreign", "vit-timm.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(change func(a *checkpoints.Array)) string {
		var list []checkpoints.Array
		for _, a := range file.Arrays {
			if change(&a); a.Name != "" {
				list = append(list, a)
			}
		}
		path := filepath.Join(t.TempDir(), "w.safetensors")
		if err := checkpoints.SaveSafetensors(path, list, nil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	renamed := write(func(a *checkpoints.Array) {
		switch a.Name {
		case "blocks.1.mlp.fc2.weight":
			a.Name = "blocks.1.mlp.w2.weight"
		case "norm.bias":
			a.Name = ""
		case "blocks.0.norm1.weight":
			a.Shape, a.F32 = []int{31}, a.F32[:31]
		}
	})
	_, err = ReadForeign(renamed, nil, false)
	for _, want := range []string{
		"blocks.1.mlp.w2.weight [32 64]: a vit has no such array; nearest are blocks.1.mlp.fc2.weight,",
		"blocks.1.mlp.fc2.weight: is missing", "norm.bias: is missing",
		"blocks.0.norm1.weight: is [31] of F32, want [32] of F32 (for encoder/blocks/0/norm1/weight)",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	partly := write(func(a *checkpoints.Array) {
		if a.Name == "norm.bias" {
			a.Name = "decoder.norm.bias"
		}
	})
	m, err := ReadForeign(partly, nil, true)
	if err != nil || len(m.Mapping.Left) != 1 || m.Mapping.Left[0].Name != "decoder.norm.bias" {
		t.Errorf("in part: %v", err)
	}
	if _, err := ReadForeign(write(func(a *checkpoints.Array) { a.Name = "x." + a.Name }), nil, false); err == nil || !strings.Contains(err.Error(), "the names of no encoder that is known") {
		t.Errorf("no encoder: %v", err)
	}
	wide := filepath.Join(t.TempDir(), "wide.safetensors")
	if err := checkpoints.SaveSafetensors(wide, []checkpoints.Array{
		{Name: "conv1.weight", Shape: []int{2, 1, 7, 7}, F32: make([]float32, 98)},
		{Name: "layer1.0.conv1.weight", Shape: []int{4, 2, 1, 1}, F32: make([]float32, 8)},
		{Name: "layer1.0.conv3.weight", Shape: []int{8, 4, 1, 1}, F32: make([]float32, 32)},
	}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadForeign(wide, nil, false); err == nil || !strings.Contains(err.Error(), "a wide or grouped network") {
		t.Errorf("a wide network: %v", err)
	}
	if _, err := ReadForeign(renamed, []int{3, 32, 32}, false); err == nil || !strings.Contains(err.Error(), "shape: is [3 32 32], but these weights are for examples of [3 16 16]") {
		t.Errorf("another shape: %v", err)
	}
	if m, err := ReadForeign(filepath.Join("testdata", "foreign", "vit-timm.safetensors"), nil, false); err != nil {
		t.Error(err)
	} else if err := m.Import("w", filepath.Join(t.TempDir(), "run"), []string{"encoder.depth=1"}, []float64{0.5}, []float64{0.5}, Resolved{}); err != nil {
		t.Errorf("a setting that leaves arrays out: %v", err)
	} else if err := m.Import("w", filepath.Join(t.TempDir(), "run"), []string{"encoder.dim=16"}, nil, nil, Resolved{}); err == nil || !strings.Contains(err.Error(), "which is not what the file holds") {
		t.Errorf("another width: %v", err)
	} else if err := m.Import("w", t.TempDir(), nil, nil, nil, Resolved{}); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a folder that is there: %v", err)
	}
}

// Every array keeps its values on the way there and back, whatever its axes.
func TestMappingIsItsInverse(t *testing.T) {
	m, err := ReadForeign(filepath.Join("testdata", "foreign", "vit-timm.safetensors"), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range m.Encoder.Schemes() {
		names := map[string]bool{}
		for _, p := range m.Params.All() {
			f, ok := m.Encoder.Foreign(scheme, strings.TrimPrefix(p.Path, "encoder/"), p.Shape, m.Example)
			if !ok || names[f.Name] {
				t.Errorf("%s: %s is %q", scheme, p.Path, f.Name)
			}
			names[f.Name] = true
			if !slices.Equal(f.In(f.Out(p.Data)), p.Data) {
				t.Errorf("%s: %s does not come back", scheme, p.Path)
			}
		}
	}
}

package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/par"
)

// A PatchGrid cuts pictures of (C, H, W) into square patches, Rows x Cols of them,
// row by row. The values of a patch stand row by row too, then by column, the
// channel fastest: the order of He et al. 2022 (arXiv:2111.06377).
type PatchGrid struct {
	C, H, W int
	Size    int // pixels along the side of a patch
}

// NewPatchGrid cuts examples of that shape, or says why it cannot.
func NewPatchGrid(shape []int, size int) (PatchGrid, error) {
	if len(shape) != 3 || min(shape[0], shape[1], shape[2]) < 1 {
		return PatchGrid{}, fmt.Errorf("an example of shape %v is no picture of (channels, height, width)", shape)
	}
	g := PatchGrid{shape[0], shape[1], shape[2], size}
	if size < 1 || g.H%size != 0 || g.W%size != 0 {
		return g, fmt.Errorf("pictures of %dx%d cannot be cut into patches of %dx%d", g.H, g.W, size, size)
	}
	return g, nil
}

// Rows is the number of patches below each other.
func (g PatchGrid) Rows() int { return g.H / g.Size }

// Cols is the number of patches beside each other.
func (g PatchGrid) Cols() int { return g.W / g.Size }

// Patches is the number of patches of a picture, T.
func (g PatchGrid) Patches() int { return g.Rows() * g.Cols() }

// Values is the number of values of a patch, Size·Size·C.
func (g PatchGrid) Values() int { return g.Size * g.Size * g.C }

// Cut writes the patches, (T, Values), of one picture, (C, H, W).
func (g PatchGrid) Cut(patches, picture []float32) { g.each(patches, picture, false) }

// Join writes the picture, (C, H, W), that consists of the patches, (T, Values).
func (g PatchGrid) Join(picture, patches []float32) { g.each(patches, picture, true) }

func (g PatchGrid) each(patches, picture []float32, join bool) {
	p, c := g.Size, g.C
	for ch := range c {
		for y := range g.H {
			line := picture[(ch*g.H+y)*g.W:][:g.W]
			for px := range g.Cols() {
				at := ((y/p*g.Cols()+px)*p+y%p)*p*c + ch
				pixels, patch := line[px*p:(px+1)*p], patches[at:]
				if join {
					for i := range pixels {
						pixels[i] = patch[i*c]
					}
					continue
				}
				for i, v := range pixels {
					patch[i*c] = v
				}
			}
		}
	}
}

// Patchify cuts pictures (B, C, H, W) into patches (B, T, Size·Size·C), in the order
// of PatchGrid.
type Patchify struct {
	Size int // pixels along the side of a patch

	cutter
}

// Unpatchify joins patches (B, T, Size·Size·C) to pictures (B, C, H, W).
type Unpatchify struct {
	Grid PatchGrid

	cutter
}

// cutter is what the two have in common.
type cutter struct {
	grid               PatchGrid
	patches, pictures  []float32 // of the loop that runs
	batch              int
	cutPart, joinParts func(lo, hi int)
}

func (k *cutter) set(g PatchGrid, batch int) {
	k.grid, k.batch = g, batch
	k.cutPart = func(lo, hi int) { k.run(lo, hi, false) }
	k.joinParts = func(lo, hi int) { k.run(lo, hi, true) }
}

func (k *cutter) run(lo, hi int, join bool) {
	n := k.grid.C * k.grid.H * k.grid.W
	for i := lo; i < hi; i++ {
		k.grid.each(k.patches[i*n:(i+1)*n], k.pictures[i*n:(i+1)*n], join)
	}
}

func (k *cutter) cut(patches, pictures []float32)  { k.loop(patches, pictures, k.cutPart) }
func (k *cutter) join(pictures, patches []float32) { k.loop(patches, pictures, k.joinParts) }

func (k *cutter) loop(patches, pictures []float32, part func(lo, hi int)) {
	k.patches, k.pictures = patches, pictures
	par.For(k.batch, rowChunk(k.batch, len(pictures)/k.batch), part)
	k.patches, k.pictures = nil, nil
}

// Name implements Kernel.
func (k *Patchify) Name() string { return "patchify" }

// Shape implements Kernel.
func (k *Patchify) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].Dims() != 4 {
		return nil, fmt.Errorf("the input is %v; want pictures (B, C, H, W)", in[0])
	}
	g, err := NewPatchGrid(in[0][1:], k.Size)
	if err != nil {
		return nil, err
	}
	k.set(g, in[0][0])
	return tensor.Shape{k.batch, g.Patches(), g.Values()}, nil
}

// Grads implements Kernel.
func (k *Patchify) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *Patchify) Forward(in []Arg, out []float32) { k.cut(out, in[0].F) }

// Backward implements Kernel.
func (k *Patchify) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	if din[0] != nil {
		k.join(din[0], dout)
	}
}

// Name implements Kernel.
func (k *Unpatchify) Name() string { return "unpatchify" }

// Shape implements Kernel.
func (k *Unpatchify) Shape(in []tensor.Shape) (tensor.Shape, error) {
	g, err := NewPatchGrid([]int{k.Grid.C, k.Grid.H, k.Grid.W}, k.Grid.Size)
	if err != nil {
		return nil, err
	}
	if x := in[0]; x.Dims() != 3 || x[1] != g.Patches() || x[2] != g.Values() {
		return nil, fmt.Errorf("the input is %v; want patches (B, %d, %d)", x, g.Patches(), g.Values())
	}
	k.set(g, in[0][0])
	return tensor.Shape{k.batch, g.C, g.H, g.W}, nil
}

// Grads implements Kernel.
func (k *Unpatchify) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *Unpatchify) Forward(in []Arg, out []float32) { k.join(out, in[0].F) }

// Backward implements Kernel.
func (k *Unpatchify) Backward(_ []Arg, _, dout []float32, din [][]float32) {
	if din[0] != nil {
		k.cut(din[0], dout)
	}
}

package objectives

import (
	"image"

	"x2vec/data/transforms"
)

// sheetOfRows draws the first n pictures of each array, (≥n, C, H, W) in scaled
// values, as one row, the rows below each other.
func sheetOfRows(t Task, n int, rows ...[]float32) (image.Image, error) {
	size := t.Spec.Size()
	values := make([]float32, size)
	var tiles [][]byte
	for _, row := range rows {
		for i := range n {
			t.Pixels.Undo(values, row[i*size:(i+1)*size])
			tile := make([]byte, size)
			if err := transforms.Bytes(tile, values, nil, nil); err != nil {
				return nil, err
			}
			tiles = append(tiles, tile)
		}
	}
	return transforms.Sheet(tiles, t.Spec.Shape, n, enlarge(t.Spec.Shape))
}

// enlarge is how many times a picture is drawn larger than it is, so that
// 28 x 28 pixels can be looked at.
func enlarge(shape []int) int { return max(1, 64/max(1, shape[1])) }

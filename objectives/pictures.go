package objectives

import (
	"image"

	"x2vec/data/transforms"
)

// tileOf is an example, (C, H, W) in scaled values, as bytes.
func tileOf(t Task, values []float32) ([]byte, error) {
	seen, tile := make([]float32, len(values)), make([]byte, len(values))
	t.Pixels.Undo(seen, values)
	return tile, transforms.Bytes(tile, seen, nil, nil)
}

// sheetOfRows draws the first n pictures of each array, (≥n, C, H, W) in scaled
// values, as one row, the rows below each other.
func sheetOfRows(t Task, n int, rows ...[]float32) (image.Image, error) {
	size := t.Spec.Size()
	var tiles [][]byte
	for _, row := range rows {
		for i := range n {
			tile, err := tileOf(t, row[i*size:(i+1)*size])
			if err != nil {
				return nil, err
			}
			tiles = append(tiles, tile)
		}
	}
	return transforms.Sheet(tiles, t.Spec.Shape, n, enlarge(t.Spec.Shape))
}

// sheetOfBytes is sheetOfRows for bytes, (≥n, C, H, W) each.
func sheetOfBytes(shape []int, n int, rows ...[]byte) (image.Image, error) {
	size := shape[0] * shape[1] * shape[2]
	var tiles [][]byte
	for _, row := range rows {
		for i := range n {
			tiles = append(tiles, row[i*size:(i+1)*size])
		}
	}
	return transforms.Sheet(tiles, shape, n, enlarge(shape))
}

// enlarge is how many times a picture is drawn larger than it is, so that
// 28 x 28 pixels can be looked at.
func enlarge(shape []int) int { return max(1, 64/max(1, shape[1])) }

// sheetOfDirections draws weights, (n, C, H, W), 8 to a row, each scaled so that
// its largest absolute value is black or white and 0 is grey.
func sheetOfDirections(t Task, w []float32) (image.Image, error) {
	size := t.Spec.Size()
	var tiles [][]byte
	for at := 0; at < len(w); at += size {
		tiles = append(tiles, directionTile(w[at:at+size]))
	}
	return transforms.Sheet(tiles, t.Spec.Shape, 8, enlarge(t.Spec.Shape))
}

// directionTile is one of them as bytes.
func directionTile(row []float32) []byte {
	var largest float32
	for _, v := range row {
		largest = max(largest, v, -v)
	}
	tile := make([]byte, len(row))
	for i, v := range row {
		tile[i] = 128
		if largest > 0 {
			tile[i] = byte(128 + 127*v/largest)
		}
	}
	return tile
}

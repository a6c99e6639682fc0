package table

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// parquetFile has the columns index, then file and label where they are known, and
// z, a list a row. Labels that are not known are null.
type parquetFile struct {
	w       io.Writer
	out     *parquet.GenericWriter[any]
	row     parquet.Row
	pending int // values since the last row group
}

// groupValues is how many values a row group has about; those of one are in memory.
const groupValues = 2 << 20

func (f *parquetFile) begin(first Rows) error {
	element := parquet.Leaf(parquet.FloatType)
	if first.Ints != nil {
		element = parquet.Int(32)
	}
	// A group's columns stand in the order of their names.
	columns := parquet.Group{"index": parquet.Int(64), "z": parquet.List(element)}
	if first.Files != nil {
		columns["file"] = parquet.String()
	}
	if first.Labels != nil {
		columns["label"] = parquet.Optional(parquet.Int(64))
	}
	f.out = parquet.NewGenericWriter[any](f.w, parquet.NewSchema("embedding", columns), parquet.CreatedBy("x2vec", "", ""))
	return nil
}

func (f *parquetFile) add(r Rows, at int) error {
	width := r.width()
	for i := range r.n() {
		row, column := f.row[:0], 0
		plain := func(v parquet.Value, definition int) {
			row = append(row, v.Level(0, definition, column))
			column++
		}
		if r.Files != nil {
			plain(parquet.ByteArrayValue([]byte(r.Files[i])), 0)
		}
		plain(parquet.Int64Value(int64(at+i)), 0)
		if r.Labels != nil {
			if l := r.Labels[i]; l >= 0 {
				plain(parquet.Int64Value(int64(l)), 1)
			} else {
				plain(parquet.NullValue(), 0)
			}
		}
		for j := range width {
			var v parquet.Value
			if r.Ints != nil {
				v = parquet.Int32Value(r.Ints[i*width+j])
			} else {
				v = parquet.FloatValue(r.Floats[i*width+j])
			}
			row = append(row, v.Level(min(j, 1), 1, column))
		}
		if _, err := f.out.WriteRows([]parquet.Row{row}); err != nil {
			return err
		}
		f.row = row
		if f.pending += width; f.pending >= groupValues {
			f.pending = 0
			if err := f.out.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *parquetFile) end() error { return f.out.Close() }

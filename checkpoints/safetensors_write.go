package checkpoints

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

const (
	// maxHeader is the reference implementation's limit of a header in bytes.
	maxHeader = 100_000_000
	// metadataKey stands in the header for what is no tensor.
	metadataKey = "__metadata__"
	// blockSize is how much is written or read, and hashed, at a time: small
	// enough to be in the cache still when it is hashed.
	blockSize = 256 << 10
)

// WriteSafetensors writes the arrays in the safetensors format, with meta as its
// __metadata__ unless it is empty. The order is that of the reference writer, by
// type, the widest first, and then by name, so that the same arrays always give
// the same bytes and every tensor is aligned to its elements.
func WriteSafetensors(w io.Writer, arrays []Array, meta map[string]string) error {
	sorted := slices.SortedFunc(slices.Values(arrays), func(a, b Array) int {
		return cmp.Or(cmp.Compare(slices.Index(dtypes, a.DType()), slices.Index(dtypes, b.DType())), cmp.Compare(a.Name, b.Name))
	})
	header, err := safetensorsHeader(sorted, meta)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, a := range sorted {
		for block := range slices.Chunk(a.bytes(), blockSize) {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
	}
	return nil
}

// SaveSafetensors writes the arrays to a file of their own, beside and renamed
// as WriteFile does.
func SaveSafetensors(path string, arrays []Array, meta map[string]string) error {
	return writeAtomic(disk{}, path, func(w io.Writer) error { return WriteSafetensors(w, arrays, meta) })
}

// safetensorsHeader is the header of arrays with their values.
func safetensorsHeader(arrays []Array, meta map[string]string) ([]byte, error) {
	entries := make([]headerEntry, len(arrays))
	for i, a := range arrays {
		entries[i] = headerEntry{a.Name, a.DType(), a.Shape, a.Len()}
	}
	header, err := headerOf(entries, meta)
	if err != nil {
		return nil, err
	}
	for _, a := range arrays {
		if err := a.check(); err != nil {
			return nil, err
		}
	}
	return header, nil
}

// headerEntry is what the header says of an array of n elements.
type headerEntry struct {
	name  string
	dtype DType
	shape []int
	n     int
}

// headerOf is the length and the JSON of the header, padded with spaces so that the
// data begin at a multiple of 8.
func headerOf(arrays []headerEntry, meta map[string]string) ([]byte, error) {
	var h bytes.Buffer
	h.Write(make([]byte, 8)) // the length, known at the end
	h.WriteByte('{')
	if len(meta) > 0 {
		for k, v := range meta {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return nil, fmt.Errorf("metadata %q: %q is not valid UTF-8", k, v)
			}
		}
		fmt.Fprintf(&h, "%q:%s", metadataKey, compactJSON(meta))
	}
	if len(arrays) >= maxMembers || len(meta) > maxMembers {
		return nil, fmt.Errorf("%d arrays and %d metadata, at most %d are read again", len(arrays), len(meta), maxMembers-1)
	}
	seen := make(map[string]bool, len(arrays))
	offset := 0
	for _, a := range arrays {
		if err := checkName(a.name); err != nil {
			return nil, err
		}
		if seen[a.name] {
			return nil, fmt.Errorf("array %q: there are two of that name", a.name)
		}
		seen[a.name] = true
		if h.Len() > 9 {
			h.WriteByte(',')
		}
		end := offset + a.n*a.dtype.size()
		shape := a.shape
		if shape == nil {
			shape = []int{} // a nil slice would be null
		}
		fmt.Fprintf(&h, `%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`,
			compactJSON(a.name), a.dtype, compactJSON(shape), offset, end)
		offset = end
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	if h.Len()-8 > maxHeader {
		return nil, fmt.Errorf("%d arrays need a header of %d bytes; the safetensors format allows %d", len(arrays), h.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(h.Bytes(), uint64(h.Len()-8))
	return h.Bytes(), nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("an array has no name")
	case name == metadataKey:
		return fmt.Errorf("array %q: the safetensors format keeps that name for itself", name)
	case !utf8.ValidString(name):
		return fmt.Errorf("array %q: the name is not valid UTF-8", name)
	}
	return nil
}

// compactJSON is the JSON of a string, a list of numbers or a map of strings,
// which cannot fail; < and > stay as they are.
func compactJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("checkpoints: " + err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

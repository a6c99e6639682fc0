// Package tensorboard writes what a run measures as event files that TensorBoard
// opens: scalars, pictures, histograms of the weights, and codes for its projector.
//
// An event file is a sequence of records, each a protocol buffer between two
// checksums; the few messages and fields that are needed are written by hand
// (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).
package tensorboard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of a part of a record: CRC-32C, rotated and shifted so that
// it differs from that of data which has checksums in it (tensorflow/core/lib/hash/crc32c.h).
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// appendRecord adds a record to b: the length of its data, that length's checksum, the
// data, their checksum, all little-endian.
func appendRecord(b, data []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b[at:]))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

// maxRecord bounds the record that is read.
const maxRecord = 256 << 20

// readRecord gives the data of the next record, or io.EOF; whatever is wrong with it
// is an error of its own.
func readRecord(r io.Reader) ([]byte, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	switch {
	case binary.LittleEndian.Uint32(head[8:]) != masked(head[:8]):
		return nil, errors.New("the checksum of a record's length is wrong")
	case n > maxRecord:
		return nil, fmt.Errorf("a record of %d bytes, want at most %d", n, maxRecord)
	}
	data := make([]byte, n+4)
	if _, err := io.ReadFull(r, data); errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	if data, sum := data[:n], binary.LittleEndian.Uint32(data[n:]); sum != masked(data) {
		return nil, errors.New("the checksum of a record is wrong")
	}
	return data[:n], nil
}

// The numbers of the fields that are written.
const (
	eventWallTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7

	sessionStatus, sessionStart = 1, 1

	summaryValue                                  = 1
	valueTag, valueScalar, valueImage, valueHisto = 1, 2, 4, 5

	imageHeight, imageWidth, imageColors, imagePNG = 1, 2, 3, 4

	histoMin, histoMax, histoNum, histoSum, histoSquares, histoLimits, histoCounts = 1, 2, 3, 4, 5, 6, 7
)

func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
}

func appendInt(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// event is an Event with one field set besides time and step.
func event(wall float64, step int, field protowire.Number, content []byte) []byte {
	b := appendDouble(nil, eventWallTime, wall)
	b = appendInt(b, eventStep, int64(step))
	return appendBytes(b, field, content)
}

// appendValue adds a Summary.Value of a tag with one other field, as that field's
// content says, to a Summary.
func appendValue(b []byte, tag string, content []byte) []byte {
	v := appendBytes(nil, valueTag, []byte(tag))
	return appendBytes(b, summaryValue, append(v, content...))
}

func scalar(v float64) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, valueScalar, protowire.Fixed32Type), math.Float32bits(float32(v)))
}

// picture is a PNG of that size. How many channels it has the PNG says itself; readers
// do not look at the number here.
func picture(png []byte, width, height int) []byte {
	b := appendInt(nil, imageHeight, int64(height))
	b = appendInt(b, imageWidth, int64(width))
	b = appendInt(b, imageColors, 3)
	return appendBytes(nil, valueImage, appendBytes(b, imagePNG, png))
}

// buckets is into how many parts a histogram divides the range of its values.
const buckets = 64

// histogram counts values that are finite, in parts of their range that are alike.
func histogram(x []float32) []byte {
	low, high := math.Inf(1), math.Inf(-1)
	var n int
	var sum, squares float64
	for _, v := range x {
		f := float64(v)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		low, high = min(low, f), max(high, f)
		sum += f
		squares += f * f
		n++
	}
	if n == 0 {
		low, high = 0, 0
	}
	limits, counts := make([]byte, 0, 8*buckets), make([]byte, 0, 8*buckets)
	var count [buckets]float64
	width := (high - low) / buckets
	for _, v := range x {
		f := float64(v)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		at := 0
		if width > 0 {
			at = min(int((f-low)/width), buckets-1)
		}
		count[at]++
	}
	used := buckets
	if width == 0 {
		used = 1
	}
	for i := range used {
		limit := high
		if i < used-1 {
			limit = low + width*float64(i+1)
		}
		limits = protowire.AppendFixed64(limits, math.Float64bits(limit))
		counts = protowire.AppendFixed64(counts, math.Float64bits(count[i]))
	}
	b := appendDouble(nil, histoMin, low)
	b = appendDouble(b, histoMax, high)
	b = appendDouble(b, histoNum, float64(n))
	b = appendDouble(b, histoSum, sum)
	b = appendDouble(b, histoSquares, squares)
	b = appendBytes(b, histoLimits, limits)
	return appendBytes(nil, valueHisto, appendBytes(b, histoCounts, counts))
}

// stepOf is the step of an event; ok is false where it is none.
func stepOf(b []byte) (step int, ok bool) {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, false
		}
		b = b[n:]
		if field == eventStep && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			return int(v), n >= 0
		}
		if n = protowire.ConsumeFieldValue(field, kind, b); n < 0 {
			return 0, false
		}
		b = b[n:]
	}
	return 0, true
}

package tensorboard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestMasked compares with the checksum that the iSCSI standard prints for 32 zero
// bytes (RFC 3720, B.4), masked as TensorFlow's crc32c.h says.
func TestMasked(t *testing.T) {
	zeros := uint32(0x8a9136aa)
	want := (zeros>>15 | zeros<<17) + 0xa282ead8
	if got := masked(make([]byte, 32)); got != want {
		t.Errorf("masked checksum %#x, want %#x", got, want)
	}
}

// TestRecords wants records back, and none that was damaged or cut off.
func TestRecords(t *testing.T) {
	var b []byte
	for _, text := range []string{"first", "", "third"} {
		b = appendRecord(b, []byte(text))
	}
	r := bytes.NewReader(b)
	for _, want := range []string{"first", "", "third"} {
		if got, err := readRecord(r); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := readRecord(r); err != io.EOF {
		t.Errorf("at the end: %v, want EOF", err)
	}
	for i := range 5 + 16 { // any byte of the first record
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if got, err := readRecord(bytes.NewReader(bad)); err == nil {
			t.Errorf("byte %d changed: got %q, want an error", i, got)
		}
		if i > 0 {
			if _, err := readRecord(bytes.NewReader(b[:i])); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut off after %d bytes: %v", i, err)
			}
		}
	}
}

// field gives the content of the first field of that number.
func field(t *testing.T, b []byte, number protowire.Number) []byte {
	t.Helper()
	for len(b) > 0 {
		at, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(at, kind, b); n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		if at == number {
			if kind == protowire.BytesType {
				v, _ := protowire.ConsumeBytes(b)
				return v
			}
			return b[:n]
		}
		b = b[n:]
	}
	t.Fatalf("no field %d", number)
	return nil
}

func double(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

// TestHistogram counts by hand.
func TestHistogram(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	h := field(t, histogram([]float32{-1, nan, 0, 0.5, 3, inf, 3}), valueHisto)
	for _, tc := range []struct {
		what  string
		field protowire.Number
		want  float64
	}{{"min", histoMin, -1}, {"max", histoMax, 3}, {"num", histoNum, 5}, {"sum", histoSum, 5.5}, {"sum of squares", histoSquares, 19.25}} {
		if got := double(field(t, h, tc.field)); got != tc.want {
			t.Errorf("%s is %g, want %g", tc.what, got, tc.want)
		}
	}
	limits, counts := field(t, h, histoLimits), field(t, h, histoCounts)
	if len(limits) != 8*buckets || len(counts) != 8*buckets {
		t.Fatalf("%d limits and %d counts, want %d", len(limits)/8, len(counts)/8, buckets)
	}
	// Parts are 1/16 wide: 0 is the 16th from −1, 0.5 the 24th, 3 is in the last.
	for i := range buckets {
		want := map[int]float64{0: 1, 16: 1, 24: 1, 63: 2}[i]
		if got := double(counts[8*i:]); got != want {
			t.Errorf("part %d has %g, want %g", i, got, want)
		}
		if got, want := double(limits[8*i:]), -1+float64(i+1)/16; got != want {
			t.Errorf("part %d ends at %g, want %g", i, got, want)
		}
	}
	alike := field(t, histogram([]float32{2, 2}), valueHisto)
	if c := field(t, alike, histoCounts); len(c) != 8 || double(c) != 2 {
		t.Errorf("values that are alike: counts %v, want one of 2", c)
	}
	if none := field(t, histogram(nil), valueHisto); double(field(t, none, histoNum)) != 0 {
		t.Error("no values: want a count of 0")
	}
}

// TestOpenAgain wants a second file behind the first, which says from where on the
// first does not count any more, whatever a crash has left of that.
func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	w, last, err := open(dir, 1)
	if err != nil || last != -1 {
		t.Fatalf("last step %d, %v, want -1", last, err)
	}
	for step := range 5 {
		if err := w.summary(time.Now(), step*10, appendValue(nil, "x", scalar(float64(step)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	info, err := os.Stat(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(names[0], info.Size()-3); err != nil { // the record of step 40
		t.Fatal(err)
	}
	if w, last, err = open(dir, 21); err != nil || last != 30 {
		t.Fatalf("last step %d, %v, want 30", last, err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	all, _ := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if len(all) != 2 || all[0] != names[0] {
		t.Fatalf("files %v, want a second one behind the first", all)
	}
	f, err := os.Open(all[1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	version, err := readRecord(f)
	if err != nil || string(field(t, version, eventVersion)) != "brain.Event:2" {
		t.Errorf("the first record: %q, %v", version, err)
	}
	session, err := readRecord(f)
	if err != nil {
		t.Fatal(err)
	}
	if step, ok := stepOf(session); !ok || step != 21 || !bytes.Equal(field(t, session, eventSession), []byte{sessionStatus << 3, sessionStart}) {
		t.Errorf("the second record: step %d, %x; want the start of a session at 21", step, session)
	}
}

// FuzzReadRecord wants an end to every file.
func FuzzReadRecord(f *testing.F) {
	f.Add(appendRecord(nil, []byte("x")))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			data, err := readRecord(r)
			if err != nil {
				return
			}
			stepOf(data)
		}
	})
}

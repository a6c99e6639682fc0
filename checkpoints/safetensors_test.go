package checkpoints

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// referenceArrays are those of testdata/reference.py.
func referenceArrays() []Array {
	return []Array{
		{Name: "encoder/fc0/weight", Shape: []int{2, 3}, F32: []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
		{Name: "encoder/fc0/bias", Shape: []int{2}, F32: []float32{-1.5, 3.25}},
		{Name: "a double", Shape: []int{3}, F64: []float64{0.1, math.Inf(-1), 5e-324}},
		{Name: "count", Shape: []int{2}, I64: []int64{math.MinInt64, math.MaxInt64}},
		{Name: "a small", Shape: []int{2, 1}, I32: []int32{math.MinInt32, 7}},
		{Name: "pixels", Shape: []int{3}, U8: []byte{0, 128, 255}},
		{Name: "mask", Shape: []int{3}, Bool: []bool{true, false, true}},
		{Name: "scalar", Shape: []int{}, F32: []float32{2.5}},
		{Name: "empty", Shape: []int{0, 4}, F32: []float32{}},
		{Name: "größe \"<&>\"\n", Shape: []int{1}, U8: []byte{1}},
	}
}

// The file was written by the reference implementation: testdata/reference.py.
func TestSafetensorsReference(t *testing.T) {
	path := filepath.Join("testdata", "reference.safetensors")
	f, err := ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	want := referenceArrays()
	if len(f.Arrays) != len(want) {
		t.Errorf("%d arrays, want %d: %q", len(f.Arrays), len(want), f.Names())
	}
	for _, w := range want {
		if got, ok := f.Array(w.Name); !ok || !reflect.DeepEqual(got, w) {
			t.Errorf("%q: got %+v, want %+v", w.Name, got, w)
		}
	}
	if _, ok := f.Array("none"); ok {
		t.Error(`there is an array "none"`)
	}
	if f.Meta["format"] != "pt" || len(f.Meta) != 1 {
		t.Errorf("metadata is %v", f.Meta)
	}

	wantBytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, reversed := range []bool{false, true} { // the order given does not matter
		if reversed {
			slices.Reverse(want)
		}
		var got bytes.Buffer
		if err := WriteSafetensors(&got, want, f.Meta); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), wantBytes) {
			t.Errorf("written (reversed %v):\n%q\nthe reference writes:\n%q", reversed, got.Bytes(), wantBytes)
		}
	}
}

func TestSafetensorsHalf(t *testing.T) {
	f, err := ReadSafetensors(filepath.Join("testdata", "half.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := f.Array("half")
	// The nearest binary16 numbers to those in reference.py.
	want := []float32{1, -2, 65504, 0x1p-24, 1365.0 / 4096, float32(math.Copysign(0, -1)), float32(math.Inf(1)), 1023 * 0x1p-24}
	if a.DType() != F32 || !slices.Equal(a.F32, want) || !math.Signbit(float64(a.F32[5])) {
		t.Errorf("got %v, want %v", a.F32, want)
	}

	// The defining formula of IEEE 754 binary16 for every finite one.
	for h := range 1 << 16 {
		sign, exponent, fraction := 1-2*float64(h>>15), h>>10&0x1f, float64(h&0x3ff)
		want := sign * math.Ldexp(1+fraction/1024, exponent-15)
		switch exponent {
		case 0:
			want = sign * math.Ldexp(fraction/1024, -14)
		case 31:
			want = sign * math.Inf(1)
			if fraction != 0 {
				want = math.NaN()
			}
		}
		got := float64(halfToFloat(uint16(h)))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("half %#04x is %g, want %g", h, got, want)
		}
	}

	raw := safetensorsBytes(`{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}`, "\x80\x3f\x49\xc0")
	f, err = DecodeSafetensors(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Arrays[0].F32; !slices.Equal(got, []float32{1, -3.140625}) {
		t.Errorf("bfloat16: got %v, want [1 -3.140625]", got)
	}
}

// The values of NaNs and all other bits come back as they were.
func TestSafetensorsBits(t *testing.T) {
	n := 3*blockSize/4 + 5 // not a multiple of a block
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(uint32(i) * 2654435761)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := SaveSafetensors(path, []Array{{Name: "x", Shape: []int{n}, F32: x}}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := ReadSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range f.Arrays[0].F32 {
		if math.Float32bits(v) != math.Float32bits(x[i]) {
			t.Fatalf("bits %d: %x, want %x", i, math.Float32bits(v), math.Float32bits(x[i]))
		}
	}
	if f.Meta != nil {
		t.Errorf("metadata %v, want none", f.Meta)
	}
}

func TestSwapBytes(t *testing.T) {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	swapBytes(b, 4)
	if want := []byte{4, 3, 2, 1, 8, 7, 6, 5}; !bytes.Equal(b, want) {
		t.Errorf("got %v, want %v", b, want)
	}
}

func TestSafetensorsEmpty(t *testing.T) {
	var b bytes.Buffer
	if err := WriteSafetensors(&b, nil, nil); err != nil {
		t.Fatal(err)
	}
	f, err := DecodeSafetensors(&b, int64(b.Len()))
	if err != nil || len(f.Arrays) != 0 {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestSafetensorsWriteErrors(t *testing.T) {
	one := []float32{1}
	for _, tc := range []struct {
		name   string
		arrays []Array
		meta   map[string]string
		want   string
	}{
		{"no name", []Array{{Shape: []int{1}, F32: one}}, nil, "no name"},
		{"reserved", []Array{{Name: "__metadata__", Shape: []int{1}, F32: one}}, nil, "keeps that name"},
		{"not UTF-8", []Array{{Name: "a\xff", Shape: []int{1}, F32: one}}, nil, "UTF-8"},
		{"metadata not UTF-8", nil, map[string]string{"k": "\xff"}, "UTF-8"},
		{"twice", []Array{{Name: "a", F32: one}, {Name: "a", F64: []float64{1}}}, nil, "two of that name"},
		{"no values", []Array{{Name: "a", Shape: []int{1}}}, nil, "0 of its slices"},
		{"two kinds", []Array{{Name: "a", F32: one, U8: []byte{1}}}, nil, "2 of its slices"},
		{"wrong length", []Array{{Name: "a", Shape: []int{2, 3}, F32: one}}, nil, "[2 3] has 6 elements, but 1 values"},
		{"negative", []Array{{Name: "a", Shape: []int{-1, -1}, F32: one}}, nil, "negative"},
		{"many", make([]Array, maxMembers), nil, "131072 arrays"},
		{"overflow", []Array{{Name: "a", Shape: []int{math.MaxInt / 2, 8}, F32: one}}, nil, "too large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := WriteSafetensors(io.Discard, tc.arrays, tc.meta)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// safetensorsBytes puts a file together from its header and its data.
func safetensorsBytes(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func manyEntries() string {
	var b strings.Builder
	for i := range maxMembers + 1 {
		fmt.Fprintf(&b, `,"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	return "{" + b.String()[1:] + "}"
}

var badSafetensors = []struct {
	name, header, data, want string
}{
	{"no json", `x`, "", "does not begin with {"},
	{"blank first", ` {}`, "", "does not begin with {"},
	{"empty header", ``, "", "does not begin with {"},
	{"cut off json", `{"a":{"dtype":"F32"`, "", "cut off"},
	{"after the end", `{}x`, "", `goes on after its end with "x"`},
	{"not UTF-8", "{\"a\xff\":{}}", "", "UTF-8"},
	{"list", `[]`, "", "does not begin with {"},
	{"no entry", `{"a":3}`, "", "3 where { belongs"},
	{"null", `{"a":null}`, "", "where { belongs"},
	{"nothing said", `{"a":{}}`, "", "want dtype, shape and two data_offsets"},
	{"name twice", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "ab", `"a" stands there twice`},
	{"key twice", `{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "a", `"dtype" is unknown or stands there twice`},
	{"key in capitals", `{"a":{"DTYPE":"U8","shape":[1],"data_offsets":[0,1]}}`, "a", `"DTYPE" is unknown`},
	{"unknown key", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`, "a", `"x" is unknown`},
	{"unknown dtype", `{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, "a", `dtype "F8_E4M3"; F64, F32`},
	{"dtype a number", `{"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}}`, "a", "1 where a text belongs"},
	{"negative shape", `{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, "a", "-1 where a size belongs"},
	{"broken shape", `{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, "a", "1.0 where a size belongs"},
	{"text shape", `{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, "a", `"1" where a number belongs`},
	{"huge number", `{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}`, "a", "where a size belongs"},
	{"overflowing shape", `{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, "", "too large"},
	{"overflowing bytes", `{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, "", "too large"},
	{"many dimensions", `{"a":{"dtype":"U8","shape":[` + strings.Repeat("1,", maxDims) + `1],"data_offsets":[0,1]}}`, "a", "more than 64 numbers"},
	{"three offsets", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, "a", "more than 2 numbers"},
	{"one offset", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, "a", "two data_offsets"},
	{"size does not fit", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "abcd", "offsets 0 to 4 do not hold [2] of F32"},
	{"backwards", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, "a", "offsets 1 to 0"},
	{"beyond the end", `{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}`, "abcd", `cut off: tensor "a" ends at 5, the data at 4`},
	{"data left over", `{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, "abcd", "the tensors end at 3, the data at 4"},
	{"data of nobody", `{}`, "a", "the tensors end at 0, the data at 1"},
	{"gap", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, "abc", "leaving a gap after 1"},
	{"overlap", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "abc", "inside the one before it"},
	{"bool of 2", `{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}`, "\x01\x02", `tensor "a": a BOOL is 2 at index 1`},
	{"metadata a number", `{"__metadata__":{"a":1}}`, "", "__metadata__: 1 where a text belongs"},
	{"many entries", manyEntries(), "", "has more than 131072 entries"},
	{"metadata twice", `{"__metadata__":{"a":"1","a":"2"}}`, "", `__metadata__: "a" stands there twice`},
}

func TestSafetensorsBad(t *testing.T) {
	for _, tc := range badSafetensors {
		t.Run(tc.name, func(t *testing.T) {
			raw := safetensorsBytes(tc.header, tc.data)
			_, err := DecodeSafetensors(bytes.NewReader(raw), int64(len(raw)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%.1000s\nerror %v\nwant   %s", tc.header, err, tc.want)
			}
		})
	}
}

func TestSafetensorsBadFile(t *testing.T) {
	dir := t.TempDir()
	reference, err := os.ReadFile(filepath.Join("testdata", "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range reference {
		if _, err := DecodeSafetensors(bytes.NewReader(reference[:n]), int64(n)); err == nil {
			t.Fatalf("no error, cut off after %d bytes", n)
		}
		// It ends before the size that was announced: cut off while it is read.
		if _, err := DecodeSafetensors(bytes.NewReader(reference[:n]), int64(len(reference))); err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("ends after %d bytes: %v", n, err)
		}
	}

	cut := filepath.Join(dir, "cut.safetensors")
	if err := os.WriteFile(cut, reference[:len(reference)-1], 0o666); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "pointer")
	if err := os.WriteFile(text, []byte("version https://git-lfs.github.com/spec/v1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		cut:                        cut + `: cut off: tensor "mask" ends at`,
		text:                       "not a safetensors file",
		dir:                        "not a plain file",
		filepath.Join(dir, "none"): "no such file",
	} {
		if runtime.GOOS == "windows" && want == "no such file" {
			want = "cannot find"
		}
		if _, err := ReadSafetensors(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", path, err, want)
		}
	}
}

// A header can announce whatever it likes: only what the file has is allocated.
func TestSafetensorsMemory(t *testing.T) {
	raw := safetensorsBytes(`{"a":{"dtype":"F64","shape":[100000000000],"data_offsets":[0,800000000000]}}`, "abc")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := DecodeSafetensors(bytes.NewReader(raw), int64(len(raw))); err == nil {
		t.Error("no error")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", got, len(raw))
	}
}

// Every file of the folder in X2VEC_GOLDEN, where that is set, reads and comes
// back as the same arrays.
func TestGoldenSafetensors(t *testing.T) {
	dir := os.Getenv("X2VEC_GOLDEN")
	if dir == "" {
		t.Skip("X2VEC_GOLDEN names no folder of reference values")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no safetensors files in %s (%v)", dir, err)
	}
	for _, path := range paths {
		first, err := ReadSafetensors(path)
		if err != nil {
			t.Error(err)
			continue
		}
		var b bytes.Buffer
		if err := WriteSafetensors(&b, first.Arrays, first.Meta); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		second, err := DecodeSafetensors(&b, int64(b.Len()))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for _, name := range first.Names() {
			a, _ := first.Array(name)
			if b, ok := second.Array(name); !ok || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.bytes(), b.bytes()) {
				t.Errorf("%s: %s is not the same after writing and reading", path, name)
			}
		}
	}
	t.Logf("%d files", len(paths))
}

func FuzzSafetensors(f *testing.F) {
	for _, name := range []string{"reference.safetensors", "half.safetensors"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, tc := range badSafetensors {
		if len(tc.header) > 1<<16 {
			continue // a seed should be quick
		}
		f.Add(safetensorsBytes(tc.header, tc.data))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, err := DecodeSafetensors(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		// What is read can be written, and reads as the same again.
		for i := range first.Arrays {
			if first.Arrays[i].Name == "" {
				return // the format allows it, this program writes none
			}
		}
		var b bytes.Buffer
		if err := WriteSafetensors(&b, first.Arrays, first.Meta); err != nil {
			t.Fatalf("does not write what it read: %v", err)
		}
		second, err := DecodeSafetensors(&b, int64(b.Len()))
		if err != nil {
			t.Fatalf("does not read what it wrote: %v", err)
		}
		for _, name := range first.Names() {
			x, _ := first.Array(name)
			y, _ := second.Array(name)
			if x.DType() != y.DType() || !slices.Equal(x.Shape, y.Shape) || !bytes.Equal(x.bytes(), y.bytes()) {
				t.Fatalf("%q is not the same after writing and reading", name)
			}
		}
		if len(first.Meta) > 0 && fmt.Sprint(first.Meta) != fmt.Sprint(second.Meta) {
			t.Fatalf("metadata %v became %v", first.Meta, second.Meta)
		}
	})
}

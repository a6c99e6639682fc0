package readers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/data"
)

func TestText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.txt")
	if err := os.WriteFile(path, []byte("Some words, and some more"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"text":         {Name: "text", Path: path, MinCount: 1, Length: 5},
		"builtin-text": {Name: "builtin-text"},
	} {
		src, err := Open(o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		spec := src.Spec()
		if spec.Words == nil || len(spec.Shape) != 1 || spec.Image() {
			t.Errorf("%s: %+v", name, spec)
		}
		e := data.Example{Tokens: make([]int32, spec.Size())}
		if err := src.Read(0, &e); err != nil || e.Tokens[0] < 0 {
			t.Errorf("%s: first word %d, %v", name, e.Tokens[0], err)
		}
		o.Split = "test"
		if _, err := Open(o); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name+": all of the text is for training") {
			t.Errorf("%s: test part: %v", name, err)
		}
	}
	// Its end may be for tests; it is read once for both.
	both := Options{Name: "builtin-text", TestShare: 0.1}
	forTest := both
	forTest.Split, forTest.Limit = "test", 3
	train, test, err, terr := OpenSplits(both, forTest)
	if err != nil || terr != nil || test.Len() != 3 || test.Spec().Split != "test" || test.Spec().Words != train.Spec().Words {
		t.Errorf("both splits: %v, %v", err, terr)
	}
	if again, err := Open(forTest); err != nil || again.Len() != 3 {
		t.Errorf("the test split alone: %v", err)
	}
	for want, o := range map[string]Options{
		"test share: is 1, want 0":           {Name: "text", Path: path, TestShare: 1},
		"path: is empty":                     {Name: "text"},
		"no such file":                       {Name: "text", Path: path + "x"},
		`split: is "lines", want one`:        {Name: "text", Path: path, Words: "lines"},
		"none of its 5 words occurs 5 times": {Name: "text", Path: path},
		"min_count: is -1, want at le":       {Name: "builtin-text", MinCount: -1},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

package check

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"x2vec/data/text"
)

func TestLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.csv")
	table := "text,label,split\n" +
		"one two,x,train\none two,y,train\none two,x,train\nrare,x,train\ntwo,,train\n" +
		"two,y,test\none,y,test\n"
	if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	train, test, err := text.ReadLines(context.Background(), text.LineOptions{Options: text.Options{Split: "words", MinCount: 2, Length: 5}}, path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Lines(context.Background(), train, test)
	if err != nil {
		t.Fatal(err)
	}
	// Of the 10 words all but the rare one are kept.
	if r.Vocabulary != 2 || r.Coverage != 0.9 || r.Sound() || len(r.Splits) != 2 {
		t.Errorf("%+v", r)
	}
	a, b := r.Splits[0], r.Splits[1]
	if a.Texts != 5 || a.Unlabelled != 1 || a.Classes[0] != (Class{"x", 3}) || a.Classes[1] != (Class{"y", 1}) ||
		a.Duplicates.Count != 2 || a.Conflicts != 1 || a.Empty.Count != 1 || a.Empty.First[0] != 3 {
		t.Errorf("%+v", a)
	}
	if b.Texts != 2 || b.Classes[1].Examples != 2 || b.Duplicates.Count != 0 || r.Leaks.Count != 1 || r.Leaks.First[0] != (Pair{0, 4}) {
		t.Errorf("%+v, leaks %+v", b, r.Leaks)
	}
	if r, err = Lines(context.Background(), train, nil); err != nil || len(r.Splits) != 1 || r.Leaks.Count != 0 {
		t.Errorf("without tests: %+v, %v", r, err)
	}
}

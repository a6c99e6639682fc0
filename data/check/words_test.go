package check

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/data/text"
)

func TestText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.txt")
	if err := os.WriteFile(path, []byte("a b a c a b once"), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := text.Read(context.Background(), text.Options{Split: "words", MinCount: 2, Length: 2}, path)
	if err != nil {
		t.Fatal(err)
	}
	r := Text(c)
	if r.Name != "some" || r.Words != 7 || r.Kept != 5 || r.Coverage != 5.0/7 || r.Vocabulary != 2 || r.Rarest != 2 ||
		r.Examples != 3 || r.Length != 2 || len(r.Frequent) != 2 || r.Frequent[0] != (Word{"a", 3}) {
		t.Errorf("%+v", r)
	}
	if _, err := Run(context.Background(), c, nil, nil); err == nil || !strings.Contains(err.Error(), "some: holds words, and no values to check") {
		t.Errorf("a text among pictures: %v", err)
	}
}

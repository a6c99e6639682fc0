package readers

import (
	"strings"
	"testing"

	"x2vec/data"
)

// Texts for training that are among those for tests are left out where that is asked
// for, before any are drawn; those without a known word are all kept.
func TestLinesUnseen(t *testing.T) {
	dir := write(t, map[string][]byte{
		"train.tsv": []byte("label\ttext\nx\tone two\ny\ttwo one\nx\tone two\ny\ttwo two\nx\t!\n"),
		"test.tsv":  []byte("label\ttext\ny\tOne, two!\nx\tnew\nx\tnew\n"),
	})
	var said []string
	o := Options{Name: "lines", Path: dir, Split: "train", MinCount: 1, Length: 4, Warn: func(s string) { said = append(said, s) }}
	forTest := o
	forTest.Split = "test"
	for _, c := range []struct {
		unseen  bool
		limit   int
		classes []string
		want    int
		said    string
	}{
		{false, 0, nil, 5, ""},
		{true, 0, nil, 3, "2 training examples are left out, as the same bytes are in the test set"},
		{true, 2, nil, 2, "2 training examples are left out"},
		{true, 0, []string{"x"}, 3, ""}, // the test text is of the other class
		{true, 0, []string{"x", "y"}, 3, "2 training examples are left out"},
	} {
		said = nil
		o.Unseen, o.Limit, o.Classes, forTest.Classes = c.unseen, c.limit, c.classes, c.classes
		train, test, trainErr, testErr := OpenSplits(o, forTest)
		if trainErr != nil || testErr != nil {
			t.Fatal(trainErr, testErr)
		}
		if train.Len() != c.want || !strings.Contains(strings.Join(said, "/"), c.said) || (c.said == "") != (len(said) == 0) {
			t.Errorf("%+v: %d training texts, said %q", c, train.Len(), said)
		}
		if again, err := data.Unseen(train, test); c.unseen && (err != nil || again.Len() != train.Len()) {
			t.Errorf("%+v: some are left: %v", c, err)
		}
	}
}

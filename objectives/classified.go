package objectives

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/data/transforms"
	"x2vec/graph"
)

const (
	listedClasses = 40 // in the table of classes
	shownOfEach   = 8  // pictures that are right, and that are wrong
	answerTile    = 96 // pixels along the side of one
)

// NewSurvey implements Surveyed: what is no mean over examples. Of classes that is the
// mean of their accuracies, and which are taken for which; of labels the share of the
// examples of which all are right; of values R².
func (o *Classify) NewSurvey(t Task) Survey {
	s := &answerSurvey{}
	var err error
	if s.target, err = t.Spec.Target(o.Target, o.Factors); err == nil {
		k := s.target.Width()
		s.taken = make([]int, k*k)
		s.said, s.known = make([][]float64, k), make([][]float64, k)
		s.n, s.sum, s.square, s.off = make([]float64, k), make([]float64, k), make([]float64, k), make([]float64, k)
	}
	return s
}

// What labels and values are judged by.
const (
	MeanPrecision = "mean average precision"
	Determination = "R²"
)

// answerSurvey adds up the answers to all test examples. Shapes: K classes, labels or values.
type answerSurvey struct {
	target data.Target

	taken []int // (K, K): examples of class i whose answer is j

	whole, all  int         // examples of which all labels are right, and all of which some is known
	said, known [][]float64 // (K): the answers to each label, and what it is

	n, sum, square, off []float64 // (K): of values, and the squared errors
}

// Add implements Survey.
func (s *answerSurvey) Add(p *graph.Program, b *data.Batch, _ *graph.Feed) error {
	y, ok := p.Tap("answer")
	if !ok {
		return errors.New("the program gives no answer to survey")
	}
	k := s.target.Width()
	want := make([]float32, k)
	for i := range b.Index {
		row := y.Data[i*k : (i+1)*k]
		if s.target.Kind == data.Class {
			if class := s.target.Class(b, i); class >= 0 && class < k {
				s.taken[class*k+largest(row)]++
			}
			continue
		}
		s.target.Values(want, b, i)
		answered, right := 0, 0
		for j, v := range want {
			if v != v {
				continue
			}
			answered++
			if row[j] > 0 == (v > 0.5) {
				right++
			}
			if s.target.Kind == data.Labels {
				s.said[j], s.known[j] = append(s.said[j], float64(row[j])), append(s.known[j], float64(v))
			}
			s.n[j]++
			s.sum[j] += float64(v)
			s.square[j] += float64(v) * float64(v)
			s.off[j] += float64(row[j]-v) * float64(row[j]-v)
		}
		if answered > 0 {
			s.all++
			if right == answered {
				s.whole++
			}
		}
	}
	return nil
}

// Figures implements Survey.
func (s *answerSurvey) Figures() []Figure {
	switch s.target.Kind {
	case data.Class:
		var sum float64
		rows := s.classes()
		for _, r := range rows {
			sum += r.accuracy()
		}
		if len(rows) == 0 {
			return nil
		}
		return []Figure{{"mean accuracy of the classes", sum / float64(len(rows)), "higher", fmt.Sprintf("of %d classes that test examples have, each counting alike", len(rows))}}
	case data.Labels:
		if s.all == 0 {
			return nil
		}
		figures := []Figure{{"all labels right", float64(s.whole) / float64(s.all), "higher", fmt.Sprintf("share of %d test examples", s.all)}}
		var sum float64
		n := 0
		for j, said := range s.said {
			if p := AveragePrecision(said, s.known[j]); p == p {
				sum += p
				n++
			}
		}
		if n > 0 {
			figures = append(figures, Figure{MeanPrecision, sum / float64(n), "higher", fmt.Sprintf("mean over %d labels of the average precision", n)})
		}
		return figures
	}
	var sum float64
	n := 0
	for j, count := range s.n {
		if spread := s.square[j] - s.sum[j]*s.sum[j]/max(count, 1); spread > 0 {
			sum += 1 - s.off[j]/spread
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []Figure{{Determination, sum / float64(n), "higher", fmt.Sprintf("mean over %d values; 1 is exact, 0 what their mean reaches", n)}}
}

// classRow is how the examples of one class are answered.
type classRow struct {
	name     string
	right, n int
	other    string // the class that they are taken for most often, beside their own
	times    int
}

func (r classRow) accuracy() float64 { return float64(r.right) / float64(r.n) }

// classes are those that test examples have, the worst first.
func (s *answerSurvey) classes() (rows []classRow) {
	k := s.target.Width()
	for i, name := range s.target.Names {
		r := classRow{name: name}
		for j, n := range s.taken[i*k : (i+1)*k] {
			r.n += n
			switch {
			case j == i:
				r.right = n
			case n > r.times:
				r.other, r.times = s.target.Names[j], n
			}
		}
		if r.n > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b classRow) int { return cmp.Compare(a.accuracy(), b.accuracy()) })
	return rows
}

// Tables implements SurveyTables: how each class is answered.
func (s *answerSurvey) Tables() []Table {
	if s.target.Kind != data.Class {
		return nil
	}
	rows := s.classes()
	if len(rows) == 0 {
		return nil
	}
	t := Table{Name: "classes", Columns: []string{"class", "test examples", "right", "most often taken for"},
		Caption: "How the test examples of each class are answered, the worst first."}
	if n := len(rows); n > listedClasses {
		rows = rows[:listedClasses]
		t.Caption = fmt.Sprintf("How the test examples of each class are answered: the worst %d of %d classes.", listedClasses, n)
	}
	for _, r := range rows {
		other := "–"
		if r.times > 0 {
			other = fmt.Sprintf("%s, %d times", r.other, r.times)
		}
		t.Rows = append(t.Rows, []string{r.name, fmt.Sprint(r.n), fmt.Sprintf("%.1f %%", 100*r.accuracy()), other})
	}
	return []Table{t}
}

// Pictures implements Pictured: of a few test pictures those that are answered right and
// those that are not, with the answers; of values the first one.
func (o *Classify) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, _ *graph.Feed) ([]Picture, error) {
	if !t.Spec.Image() {
		return nil, nil
	}
	target, err := b.Spec.Target(o.Target, o.Factors)
	if err != nil {
		return nil, err
	}
	y, ok := p.Tap("answer")
	if !ok {
		return nil, errors.New("the program gives no answer to draw")
	}
	rows := []plot.Row{{Title: "right"}, {Title: "wrong"}}
	if o.Target == data.Values {
		rows[0].Title = target.Names[0]
	}
	size, k := t.Spec.Size(), target.Width()
	for i := range b.Index {
		caption, right, known := o.told(target, y.Data[i*k:(i+1)*k], b, i)
		row := &rows[0]
		if !right {
			row = &rows[1]
		}
		if !known || len(row.Tiles) == shownOfEach {
			continue
		}
		img, err := transforms.Picture(slices.Clone(b.Pixels[i*size:(i+1)*size]), t.Spec.Shape)
		if err != nil {
			return nil, err
		}
		row.Tiles, row.Captions = append(row.Tiles, img), append(row.Captions, caption)
	}
	rows = slices.DeleteFunc(rows, func(r plot.Row) bool { return len(r.Tiles) == 0 })
	if len(rows) == 0 {
		return nil, nil
	}
	sheet, err := plot.Sheet(nil, rows, answerTile)
	if err != nil {
		return nil, err
	}
	return []Picture{{Name: "answers", Image: sheet,
		Caption: "Test pictures with the answers to them; where one is wrong, or a number, what is right stands in brackets."}}, nil
}

// told says what the answer to example i is in words, and whether it is right. known is
// false where nothing of it is.
func (o *Classify) told(target data.Target, answer []float32, b *data.Batch, i int) (text string, right, known bool) {
	if o.Target == data.Class {
		class, got := target.Class(b, i), largest(answer)
		switch {
		case class < 0 || class >= len(answer):
			return "", false, false
		case got == class:
			return target.Names[got], true, true
		}
		return fmt.Sprintf("%s (%s)", target.Names[got], target.Names[class]), false, true
	}
	want := make([]float32, len(answer))
	target.Values(want, b, i)
	if o.Target == data.Values {
		return fmt.Sprintf("%.3g (%.3g)", target.Own(0, answer[0]), target.Own(0, want[0])), true, want[0] == want[0]
	}
	var said, is []string
	right = true
	for j, v := range want {
		if v != v {
			continue
		}
		known = true
		if answer[j] > 0 {
			said = append(said, target.Names[j])
		}
		if v > 0.5 {
			is = append(is, target.Names[j])
		}
		right = right && answer[j] > 0 == (v > 0.5)
	}
	names := func(list []string) string { return cmp.Or(strings.Join(list, " "), "none") }
	if text = names(said); !right {
		text += " (" + names(is) + ")"
	}
	return text, right, known
}

var (
	_ Surveyed     = (*Classify)(nil)
	_ Pictured     = (*Classify)(nil)
	_ SurveyTables = (*answerSurvey)(nil)
)

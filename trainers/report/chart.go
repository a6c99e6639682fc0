package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A curve is one figure over the steps of a run, cut down to as many points as a
// screen can show.
type curve struct{ points []point }

// A point stands for the lines of a few neighbouring steps.
type point struct {
	step           int
	mean, min, max float64
}

// A chart is one figure of one run or of several, as it is drawn first; the page's
// script draws it again when it is zoomed, smoothed or moves on. Its plot is
// 1000 x 1000 units that the page stretches to whatever room there is; labels lie
// outside, at percentages, so that they keep their size.
type chart struct {
	ID, Title, Unit string
	Summary         string // what is to be seen, for those who cannot see it
	Last            string // value at the end, of a single run
	X, Y            []tick
	Log, CanLog     bool // the scale of Y, and whether it can be the other one
	Lines           []line
	Data            string // JSON for the page's script: a list of series
	Wide            bool
	Legend          string
}

// A series is what one run has for a chart.
type series struct {
	name  string
	class string // s0 to s7, its colour
	curve        // of the log
	dots  []point
}

// A line is a series as it is drawn.
type line struct {
	Class string
	Path  string // SVG path of the means
	Band  string // of the range from least to greatest; empty where there is none
	Dots  string // of single values taken in evaluation; empty where there are none
}

// A tick is a label at a place from 0 to 1000.
type tick struct {
	At    int
	Label string
}

// Percent is the place for an attribute such as x="12.5%".
func (t tick) Percent() string { return strconv.FormatFloat(float64(t.At)/10, 'f', -1, 64) + "%" }

// Anchor keeps labels at both ends inside of the picture.
func (t tick) Anchor() string {
	switch {
	case t.At < 30:
		return "start"
	case t.At > 970:
		return "end"
	}
	return "middle"
}

// apart reports whether no label of the axis below a chart touches the next, in the
// least room that a page gives to a chart.
func apart(ticks []tick, wide bool) bool {
	const letter, gap = 7, 8 // pixels
	plot := 200
	if wide {
		plot = 240 // on a phone
	}
	right := math.MinInt
	for _, t := range ticks {
		width := letter * len(t.Label)
		left := t.At * plot / 1000
		switch t.Anchor() {
		case "middle":
			left -= width / 2
		case "end":
			left -= width
		}
		if left < right {
			return false
		}
		right = left + width + gap
	}
	return true
}

// newChart draws what runs have for one figure. The main chart is a wide one, and
// logarithmic where its values fall far. ok is false where there is nothing to draw.
func newChart(id, title, unit string, all []series, main bool) (ch chart, ok bool) {
	lo, hi := math.Inf(1), math.Inf(-1)
	first, last := math.MaxInt, 0
	var shown []series
	for _, s := range all {
		s.points, s.dots = finite(s.points), finite(s.dots)
		for _, p := range slices.Concat(s.points, s.dots) {
			lo, hi = min(lo, p.min), max(hi, p.max)
			first, last = min(first, p.step), max(last, p.step)
		}
		if len(s.points)+len(s.dots) > 0 {
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return chart{}, false
	}
	ch = chart{ID: id, Title: Label(title), Unit: unit, Wide: main, CanLog: lo > 0 && hi > lo*1.5}
	ch.Log = ch.CanLog && main && hi > lo*20
	x := func(step int) float64 {
		if last == first {
			return 500
		}
		return 1000 * float64(step-first) / float64(last-first)
	}
	for n := 5; n > 0; n-- { // as many as stand beside each other
		ch.X = ch.X[:0]
		for _, t := range linearTicks(float64(first), float64(last), n) {
			if t == math.Trunc(t) {
				ch.X = append(ch.X, tick{int(math.Round(x(int(t)))), Number(t)})
			}
		}
		if apart(ch.X, main) {
			break
		}
	}
	y, ticks := scaleOf(lo, hi, ch.Log)
	for _, t := range ticks {
		ch.Y = append(ch.Y, tick{int(math.Round(y(t))), Number(t)})
	}
	var data []seriesData
	var said []string
	for _, s := range shown {
		ch.Lines = append(ch.Lines, draw(s, len(all) == 1, x, y))
		data = append(data, seriesData{s.name, s.class, rows(s.points), rows(s.dots)})
		read := s.points // what the reader is told in numbers
		if len(read) == 0 {
			read = s.dots
		}
		ch.Last = withUnit(read[len(read)-1].mean, unit)
		title := ch.Title
		if len(all) > 1 {
			title += " of " + s.name
		}
		said = append(said, summary(title, unit, read))
	}
	if len(all) > 1 {
		ch.Last = ""
	}
	ch.Summary = strings.Join(said, ". ")
	text, err := json.Marshal(data)
	if err != nil { // only for values that finite has taken out
		return chart{}, false
	}
	ch.Data = string(text)
	return ch, true
}

// seriesData is a series for the page's script.
type seriesData struct {
	Name   string       `json:"name"`
	Class  string       `json:"class"`
	Points [][4]float64 `json:"points"` // step, mean, min, max
	Dots   [][4]float64 `json:"dots"`
}

func rows(points []point) [][4]float64 {
	rows := make([][4]float64, len(points))
	for i, p := range points {
		rows[i] = [4]float64{float64(p.step), digits(p.mean), digits(p.min), digits(p.max)}
	}
	return rows
}

func finite(points []point) []point {
	var out []point
	for _, p := range points {
		if ok(p.mean) && ok(p.min) && ok(p.max) {
			out = append(out, p)
		}
	}
	return out
}

// ok reports whether a value can be drawn: finite, and small enough that a
// difference of two is too.
func ok(v float64) bool { return math.Abs(v) < 1e300 }

// scaleOf gives the place of a value between lo and hi, 1000 at the bottom, and the
// values that get a label.
func scaleOf(lo, hi float64, log bool) (y func(v float64) float64, ticks []float64) {
	if log {
		a, b := math.Log10(lo), math.Log10(hi)
		return func(v float64) float64 { return 1000 - 1000*(math.Log10(max(v, lo))-a)/(b-a) }, logTicks(lo, hi)
	}
	if lo > 0 && lo < hi/2 {
		lo = 0
	}
	if lo == 0 && hi == 0 {
		hi = 1
	}
	if hi == lo {
		pad := max(math.Abs(hi)/10, 1e-12)
		lo, hi = lo-pad, hi+pad
	}
	return func(v float64) float64 { return 1000 - 1000*(v-lo)/(hi-lo) }, linearTicks(lo, hi, 5)
}

func draw(s series, withBand bool, x func(int) float64, y func(float64) float64) line {
	l := line{Class: s.class}
	var path, upper strings.Builder
	band := false
	for i, p := range s.points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.step), y(p.mean))
		fmt.Fprintf(&upper, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.step), y(p.max))
		band = band || p.max > p.min
	}
	l.Path = path.String()
	if len(s.points) == 1 { // a path of one place is drawn by its round ends alone
		l.Path += "h0"
	}
	if withBand && band && len(s.points) > 1 {
		for _, p := range slices.Backward(s.points) {
			fmt.Fprintf(&upper, "L%.1f %.1f", x(p.step), y(p.min))
		}
		l.Band = upper.String() + "Z"
	}
	for _, p := range s.dots {
		l.Dots += fmt.Sprintf("M%.1f %.1fh0", x(p.step), y(p.mean))
	}
	return l
}

// linearTicks are up to n+1 round values from lo to hi: multiples of 1, 2 or 5
// times a power of ten.
func linearTicks(lo, hi float64, n int) []float64 {
	if !(hi > lo) {
		return []float64{lo}
	}
	raw := (hi - lo) / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= raw*(1-1e-9) {
			step = m * unit
			break
		}
	}
	var ticks []float64
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9 && len(ticks) <= 2*n; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// logTicks are the powers of ten between lo and hi, every few of them where
// there are many, and their 2 and 5 where there are few.
func logTicks(lo, hi float64) []float64 {
	a, b := math.Log10(lo), math.Log10(hi)
	every := max(1, int(math.Ceil((b-a)/6)))
	within := []float64{1}
	if b-a < 3 {
		within = []float64{1, 2, 5}
	}
	var ticks []float64
	for e := int(math.Floor(a)); e <= int(math.Ceil(b)); e += every {
		for _, m := range within {
			if v := m * math.Pow(10, float64(e)); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				ticks = append(ticks, v)
			}
		}
	}
	if len(ticks) < 2 {
		return []float64{lo, hi}
	}
	return ticks
}

// digits3 keeps three significant ones.
func digits3(v float64) float64 { return round(v, 3) }

// digits keeps five significant ones.
func digits(v float64) float64 { return round(v, 5) }

func round(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil { // rounded up beyond what there is
		return v
	}
	return r
}

func summary(title, unit string, points []point) string {
	a, b := points[0], points[len(points)-1]
	best := a
	for _, p := range points {
		if p.mean < best.mean {
			best = p
		}
	}
	if len(points) == 1 {
		return fmt.Sprintf("%s: %s at step %s", title, withUnit(a.mean, unit), Number(float64(a.step)))
	}
	return fmt.Sprintf("%s over the steps: from %s at step %s to %s at step %s; lowest %s at step %s", title,
		withUnit(a.mean, unit), Number(float64(a.step)), withUnit(b.mean, unit), Number(float64(b.step)),
		withUnit(best.mean, unit), Number(float64(best.step)))
}

package report

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A curve is one figure over the steps of a run, cut down to as many points as a
// screen can show.
type curve struct {
	name   string
	points []point
}

// A point stands for the lines of a few neighbouring steps.
type point struct {
	step           int
	mean, min, max float64
}

// A chart is a curve as it is drawn: once on a linear scale, once on a
// logarithmic one, of which the page shows one at a time. Its plot is 1000 x 1000
// units that the page stretches to whatever room there is; labels lie outside,
// at percentages, so that they keep their size.
type chart struct {
	ID, Title, Unit string
	Summary         string // what is to be seen, for those who cannot see it
	Last            string // value at the end
	Scales          []scale
	Log             bool   // which scale is shown first
	X               []tick // common to all scales
	Points          string // JSON for the page's script: [[step, mean, min, max, x], …]
	Wide            bool
	Legend          string
}

// A scale is one way to draw the values.
type scale struct {
	Kind  string // "lin" or "log"
	Line  string // SVG path of the means
	Band  string // of the range from least to greatest; empty where there is none
	Dots  string // of single values taken in evaluation; empty where there are none
	Y     []tick
	Shown bool
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

// newChart draws a curve, and the values of an evaluation as dots on the same
// scale (dots may be empty). The main chart is a wide one, and logarithmic where
// its values fall far. ok is false where there is nothing to draw.
func newChart(id, title, unit string, c curve, dots curve, main bool) (ch chart, ok bool) {
	c.points, dots.points = finite(c.points), finite(dots.points)
	all := append(append([]point{}, c.points...), dots.points...)
	if len(all) == 0 {
		return chart{}, false
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	first, last := all[0].step, all[0].step
	for _, p := range all {
		lo, hi = min(lo, p.min), max(hi, p.max)
		first, last = min(first, p.step), max(last, p.step)
	}
	x := func(step int) float64 {
		if last == first {
			return 500
		}
		return 1000 * float64(step-first) / float64(last-first)
	}
	ch = chart{ID: id, Title: label(title), Unit: unit, Wide: main}
	for _, t := range linearTicks(float64(first), float64(last), 5) {
		if t == math.Trunc(t) {
			ch.X = append(ch.X, tick{int(math.Round(x(int(t)))), number(t)})
		}
	}
	ch.Scales = append(ch.Scales, drawLinear(c.points, dots.points, lo, hi, x))
	if lo > 0 && hi > lo*1.5 {
		ch.Log = main && hi > lo*20
		ch.Scales = append(ch.Scales, drawLog(c.points, dots.points, lo, hi, x))
	}
	for i := range ch.Scales {
		ch.Scales[i].Shown = (ch.Scales[i].Kind == "log") == ch.Log
	}
	read := c.points // what the reader is told in numbers
	if len(read) == 0 {
		read = dots.points
	}
	ch.Points = pointsJSON(read, x)
	ch.Last = withUnit(read[len(read)-1].mean, unit)
	ch.Summary = summary(ch.Title, unit, read)
	return ch, true
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

func drawLinear(line, dots []point, lo, hi float64, x func(int) float64) scale {
	if lo > 0 && lo < hi/2 {
		lo = 0
	}
	if hi == lo {
		pad := max(math.Abs(hi)/10, 1e-12)
		lo, hi = lo-pad, hi+pad
	}
	y := func(v float64) float64 { return 1000 - 1000*(v-lo)/(hi-lo) }
	return draw("lin", line, dots, linearTicks(lo, hi, 5), x, y)
}

func drawLog(line, dots []point, lo, hi float64, x func(int) float64) scale {
	a, b := math.Log10(lo), math.Log10(hi)
	y := func(v float64) float64 { return 1000 - 1000*(math.Log10(max(v, lo))-a)/(b-a) }
	return draw("log", line, dots, logTicks(lo, hi), x, y)
}

func draw(kind string, line, dots []point, ticks []float64, x func(int) float64, y func(float64) float64) scale {
	s := scale{Kind: kind}
	for _, t := range ticks {
		s.Y = append(s.Y, tick{int(math.Round(y(t))), number(t)})
	}
	var path, upper strings.Builder
	band := false
	for i, p := range line {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.step), y(p.mean))
		fmt.Fprintf(&upper, "%c%.1f %.1f", "ML"[min(i, 1)], x(p.step), y(p.max))
		band = band || p.max > p.min
	}
	s.Line = path.String()
	if len(line) == 1 { // a path of one place is drawn by its round ends alone
		s.Line += "h0"
	}
	if band && len(line) > 1 {
		for i := len(line) - 1; i >= 0; i-- {
			fmt.Fprintf(&upper, "L%.1f %.1f", x(line[i].step), y(line[i].min))
		}
		s.Band = upper.String() + "Z"
	}
	for _, p := range dots {
		s.Dots += fmt.Sprintf("M%.1f %.1fh0", x(p.step), y(p.mean))
	}
	return s
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

func pointsJSON(points []point, x func(int) float64) string {
	rows := make([][5]float64, len(points))
	for i, p := range points {
		rows[i] = [5]float64{float64(p.step), digits(p.mean), digits(p.min), digits(p.max), math.Round(10*x(p.step)) / 10}
	}
	b, err := json.Marshal(rows)
	if err != nil { // only for values that finite has taken out
		return "[]"
	}
	return string(b)
}

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
		return fmt.Sprintf("%s: %s at step %s", title, withUnit(a.mean, unit), number(float64(a.step)))
	}
	return fmt.Sprintf("%s over the steps: from %s at step %s to %s at step %s; lowest %s at step %s", title,
		withUnit(a.mean, unit), number(float64(a.step)), withUnit(b.mean, unit), number(float64(b.step)),
		withUnit(best.mean, unit), number(float64(best.step)))
}

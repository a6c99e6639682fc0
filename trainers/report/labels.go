package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

// A LabelLine is what one method reached by the number of labels.
type LabelLine struct {
	Name   string
	Points []LabelPoint // by ascending Labels
}

// A LabelPoint is a mean with the half of its interval.
type LabelPoint struct {
	Labels     int
	Mean, Half float64
}

// The plot's size in pixels, and that of its inner part.
const (
	plotWidth, plotHeight        = 760, 440
	plotLeft, plotTop            = 70, 60
	plotInnerWide, plotInnerHigh = 520, 310
)

// LabelCurves draws scores over the number of labels, which is on a logarithmic scale:
// an SVG by itself, which a browser or a document shows. percent has scores from 0 to 1
// drawn as such.
func LabelCurves(title, score string, percent bool, lines []LabelLine) []byte {
	head := fmt.Sprintf(`<style>
:root { --page: #fff; --text: #1b1d20; --soft: #565c64; --rule: #dddedb; --s0: #0b647f; --s1: #b3470b; --s2: #6546b5; --s3: #1d6b36; --s4: #a8246f; --s5: #6b5e00; }
@media (prefers-color-scheme: dark) { :root { --page: #1c1f24; --text: #e9e9e6; --soft: #a5acb5; --rule: #343941; --s0: #62c4e3; --s1: #f3a25f; --s2: #bda8f7; --s3: #7fd19a; --s4: #f492c6; --s5: #d6c65a; } }
</style>
<rect width="%d" height="%d" fill="var(--page)"/>
<text x="%d" y="26" font-size="16" font-weight="600" fill="var(--text)">%s</text>
<text x="%[3]d" y="46" fill="var(--soft)">%[5]s, mean and 95 %% interval over seeds</text>
`, plotWidth, plotHeight, plotLeft, html.EscapeString(title), html.EscapeString(score))
	return drawLabels(title, head, 0, percent, lines)
}

// curvePlot is LabelCurves for a page, which has the heading and the colours.
func curvePlot(c *runs.Curve) string {
	return string(drawLabels(scored(c.Score, c.Data, "")+" by the number of labels", "", plotTop-20, eval.IsShare(c.Score), LinesOf(c)))
}

// drawLabels draws the plot below a head, from y = top on.
func drawLabels(title, head string, top int, percent bool, lines []LabelLine) []byte {
	lo, hi, first, last := math.Inf(1), math.Inf(-1), math.MaxInt, 0
	for _, l := range lines {
		for _, p := range l.Points {
			lo, hi = min(lo, p.Mean-p.Half), max(hi, p.Mean+p.Half)
			first, last = min(first, p.Labels), max(last, p.Labels)
		}
	}
	if last == 0 { // there is nothing to draw
		lo, hi, first, last = 0, 1, 1, 1
	}
	if percent {
		lo, hi = max(lo, 0), min(hi, 1)
	}
	pad := max((hi-lo)*0.05, 1e-3)
	lo, hi = lo-pad, hi+pad
	factor := 1.0
	if percent {
		factor = 100
	}
	x := func(labels int) float64 {
		if last == first {
			return plotLeft + plotInnerWide/2
		}
		return plotLeft + plotInnerWide*math.Log(float64(labels)/float64(first))/math.Log(float64(last)/float64(first))
	}
	y := func(v float64) float64 {
		return plotTop + plotInnerHigh*(1-(min(max(v, lo), hi)-lo)/(hi-lo))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 %d %d %d" width="%[2]d" height="%[3]d" role="img" font-family="system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" font-size="13">
<title>%[4]s</title>
%[5]s`, top, plotWidth, plotHeight-top, html.EscapeString(title), head)
	for _, t := range linearTicks(lo*factor, hi*factor, 6) {
		at := y(t / factor)
		label := Number(t)
		if percent {
			label += " %"
		}
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f" stroke="var(--rule)"/><text x="%[4]d" y="%.1[5]f" text-anchor="end" fill="var(--soft)">%[6]s</text>`+"\n",
			plotLeft, plotLeft+plotInnerWide, at, plotLeft-8, at+4, label)
	}
	for _, n := range labelTicks(lines) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="var(--soft)">%s</text>`+"\n", x(n), plotTop+plotInnerHigh+22, Number(float64(n)))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="var(--text)">labelled training examples</text>`+"\n", plotLeft+plotInnerWide/2, plotTop+plotInnerHigh+48)
	names := nameHeights(lines, y)
	for i, l := range lines {
		if len(l.Points) == 0 {
			continue
		}
		colour := fmt.Sprintf("var(--s%d)", i%6)
		// Lines stand a little apart, so that intervals at one count can be told apart.
		shift := 3 * (float64(i) - float64(len(lines)-1)/2)
		var path strings.Builder
		for j, p := range l.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], x(p.Labels)+shift, y(p.Mean))
		}
		fmt.Fprintf(&b, `<g stroke="%s" stroke-width="2" fill="none"><path d="%s"%s/>`, colour, &path, dashes(i))
		for _, p := range l.Points {
			at := x(p.Labels) + shift
			fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f"/><circle cx="%.1[1]f" cy="%.1[4]f" r="3.5" fill="%[5]s"/>`, at, y(p.Mean-p.Half), y(p.Mean+p.Half), y(p.Mean), colour)
		}
		end := l.Points[len(l.Points)-1]
		fmt.Fprintf(&b, `</g><path d="M%.1f %.1fL%d %.1f" stroke="var(--rule)" fill="none"/><text x="%d" y="%.1f" fill="%s">%s</text>`+"\n",
			x(end.Labels)+shift+6, y(end.Mean), plotLeft+plotInnerWide+24, names[i], plotLeft+plotInnerWide+28, names[i]+4, colour, html.EscapeString(l.Name))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// dashes tell lines apart without colour.
func dashes(i int) string {
	if d := []string{"", "", "", "6 4", "2 4", "8 3 2 3"}[i%6]; d != "" {
		return ` stroke-dasharray="` + d + `"`
	}
	return ""
}

// labelTicks are the counts that were taken, those left out that would stand on others.
func labelTicks(lines []LabelLine) []int {
	var list []int
	for _, l := range lines {
		for _, p := range l.Points {
			list = append(list, p.Labels)
		}
	}
	slices.Sort(list)
	var ticks []int
	for _, n := range list {
		if len(ticks) == 0 || float64(n) > 1.3*float64(ticks[len(ticks)-1]) {
			ticks = append(ticks, n)
		}
	}
	return ticks
}

// nameHeights places the names at the ends of the lines so that none covers another.
func nameHeights(lines []LabelLine, y func(v float64) float64) []float64 {
	const apart = 17
	at := make([]float64, len(lines))
	var order []int
	for i, l := range lines {
		if n := len(l.Points); n > 0 {
			at[i] = y(l.Points[n-1].Mean)
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	for k, i := range order {
		if k > 0 {
			at[i] = max(at[i], at[order[k-1]]+apart)
		}
	}
	floor := float64(plotTop + plotInnerHigh)
	for k := len(order) - 1; k >= 0; k-- {
		at[order[k]] = min(at[order[k]], floor)
		floor = at[order[k]] - apart
	}
	return at
}

package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// Number writes a value with as many digits as a reader can use: 12,345; 0.00817;
// 1.2e-07.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+")
	case v == math.Trunc(v) && a < 1e9:
		return humanize.Comma(int64(v))
	case a >= 1e9 || a < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 1000:
		return humanize.Comma(int64(math.Round(v)))
	default:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
}

func withUnit(v float64, unit string) string {
	if unit == "" {
		return Number(v)
	}
	return Number(v) + " " + unit
}

// Label begins a name as a heading does: with a capital, unless it has its own
// way of being written.
func Label(name string) string {
	first, rest, _ := strings.Cut(name, " ")
	switch strings.ToLower(first) {
	case "blas", "cpu", "simd", "rss", "os":
		first = strings.ToUpper(first)
	case "cpus":
		first = "CPUs"
	case "knn", "x2vec":
	case "":
		return name
	default:
		r, size := utf8.DecodeRuneInString(first)
		first = string(unicode.ToUpper(r)) + first[size:]
	}
	if rest == "" {
		return first
	}
	return first + " " + rest
}

// shares are words in the names of figures that are parts of a whole, from 0 to 1.
var shares = []string{"accuracy", "recall", "purity", "codes in use", "pixels within"}

// FigureValue writes the value of an evaluation: shares as percent.
func FigureValue(name string, v float64) string {
	if v >= 0 && v <= 1 && slices.ContainsFunc(shares, func(s string) bool { return strings.Contains(name, s) }) {
		return strconv.FormatFloat(100*v, 'f', 2, 64) + " %"
	}
	return Number(v)
}

// Bytes writes a size: 1.2 MB.
func Bytes(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

// Duration writes seconds as people say them: 3 min 12 s.
func Duration(seconds float64) string {
	if !(seconds >= 0 && seconds < 1e9) {
		return "unknown"
	}
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

package runlog

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
)

const (
	// maxEvents is how many events a History keeps of each end of a log.
	maxEvents = 5000
	// maxCurves is how many numbers have a curve.
	maxCurves = 256
	// maxFields is how many bytes of events keep their fields.
	maxFields = 32 << 20
)

// A History is what a whole log tells, cut down to what a page can show; its size
// does not depend on that of the log.
type History struct {
	// Curves are the numbers over the steps, by name: time, loss, lr, grad_norm,
	// samples_per_s, data_wait_ms, rss_mb, and those of the method.
	Curves map[string]*Curve
	// Events in their order: of a log with more than 10,000 the first and the
	// last 5,000. Those beyond 32 MiB of text have no Fields.
	Events []Event
	// Omitted is the number of events that were left out.
	Omitted int
	// Last is the latest line of metrics; nil where there is none. It has no Extra.
	Last *Metrics
	// Lines is the number of lines of metrics.
	Lines int
	// Damaged is the number of lines that could not be read.
	Damaged int
}

// ReadFile reads the log in a file; one that does not exist is empty. Each curve
// has at most so many buckets.
func ReadFile(path string, buckets int) (*History, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &History{Curves: map[string]*Curve{}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, buckets)
}

// Read reads a log to its end; each curve has at most so many buckets.
func Read(r io.Reader, buckets int) (*History, error) {
	c := newCollector(buckets)
	reader := NewReader(r)
	if err := c.read(reader); err != nil {
		return nil, err
	}
	return c.history(), nil
}

// A collector makes a History of lines.
type collector struct {
	h       History // its Events are the first ones
	buckets int
	latest  []Event // a ring, once the first ones are full
	kept    int64   // bytes of events
}

func newCollector(buckets int) *collector {
	return &collector{h: History{Curves: map[string]*Curve{}}, buckets: buckets}
}

// read takes all lines that are left.
func (c *collector) read(reader *Reader) error {
	damaged := reader.Damaged()
	for {
		line, err := reader.Next()
		c.h.Damaged += reader.Damaged() - damaged
		damaged = reader.Damaged()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if line.Metrics != nil {
			c.h.add(line.Metrics, c.buckets)
			continue
		}
		if c.kept += reader.size; c.kept > maxFields {
			line.Event.Fields = nil
		}
		switch n := c.h.Omitted + len(c.latest); {
		case len(c.h.Events) < maxEvents:
			c.h.Events = append(c.h.Events, *line.Event)
		case n < maxEvents:
			c.latest = append(c.latest, *line.Event)
		default:
			c.latest[n%maxEvents] = *line.Event
			c.h.Omitted++
		}
	}
}

// history is what was collected so far. Its curves belong to the collector.
func (c *collector) history() *History {
	h := c.h
	if oldest := h.Omitted % maxEvents; len(c.latest) > 0 {
		h.Events = slices.Concat(h.Events, c.latest[oldest:], c.latest[:oldest])
	}
	return &h
}

func (h *History) add(m *Metrics, buckets int) {
	h.Lines++
	if h.Last == nil {
		h.Last = new(Metrics)
	}
	*h.Last = *m
	h.Last.Extra = nil
	for i := range numbers {
		if n := &numbers[i]; n.name != "epoch" {
			h.point(n.name, m.Step, *n.of(m), buckets)
		}
	}
	for name, v := range m.Extra {
		h.point(name, m.Step, v, buckets)
	}
}

func (h *History) point(name string, step int, v float64, buckets int) {
	c := h.Curves[name]
	if c == nil {
		if len(h.Curves) >= maxCurves {
			return
		}
		c = NewCurve(buckets)
		h.Curves[name] = c
	}
	c.Add(step, v)
}

// A Curve cuts a number over the steps down to a few buckets, each the values of
// neighbouring steps. All buckets span equally many steps, a power of two.
type Curve struct {
	most    int
	width   int // steps in a bucket
	buckets []Bucket
}

// A Bucket stands for the values of neighbouring steps. Where none of them is
// finite, Min, Max and Mean are NaN.
type Bucket struct {
	First, Last    int // steps of its first and last value
	Min, Max, Mean float64
	Count          int // values that are finite
	NotFinite      int // NaN or infinite
}

// NewCurve makes an empty curve of at most so many buckets, but of 2 at least.
func NewCurve(buckets int) *Curve { return &Curve{most: max(2, buckets), width: 1} }

// Add adds the value of a step, which is none before that of the last Add, else it
// counts as of the latest bucket.
func (c *Curve) Add(step int, v float64) {
	b := Bucket{First: step, Last: step, Min: v, Max: v, Mean: v, Count: 1}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		b = Bucket{First: step, Last: step, Min: math.NaN(), Max: math.NaN(), Mean: math.NaN(), NotFinite: 1}
	}
	if n := len(c.buckets); n > 0 && step/c.width <= c.buckets[n-1].First/c.width {
		c.buckets[n-1].join(b)
		return
	}
	c.buckets = append(c.buckets, b)
	for len(c.buckets) > c.most {
		c.widen()
	}
}

// widen makes the buckets twice as wide.
func (c *Curve) widen() {
	c.width *= 2
	kept := c.buckets[:1]
	for _, b := range c.buckets[1:] {
		if last := &kept[len(kept)-1]; b.First/c.width == last.First/c.width {
			last.join(b)
		} else {
			kept = append(kept, b)
		}
	}
	c.buckets = kept
}

func (b *Bucket) join(o Bucket) {
	b.Last = max(b.Last, o.Last)
	b.NotFinite += o.NotFinite
	if o.Count == 0 {
		return
	}
	if b.Count == 0 {
		b.Min, b.Max, b.Mean, b.Count = o.Min, o.Max, o.Mean, o.Count
		return
	}
	n := float64(b.Count + o.Count)
	b.Min, b.Max = min(b.Min, o.Min), max(b.Max, o.Max)
	b.Mean = b.Mean*(float64(b.Count)/n) + o.Mean*(float64(o.Count)/n) // no overflow on the way
	b.Count += o.Count
}

// Buckets are those of the curve, in the order of the steps. They belong to it.
func (c *Curve) Buckets() []Bucket { return c.buckets }

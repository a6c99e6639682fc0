package runlog

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func followed(from, to int) string {
	var b strings.Builder
	for step := from; step < to; step++ {
		fmt.Fprintf(&b, `{"step":%d,"time":%d,"loss":%d}`+"\n", step, step, step%7)
		if step%10 == 0 {
			fmt.Fprintf(&b, `{"event":"checkpoint","step":%d,"time":1}`+"\n", step)
		}
		if step%33 == 0 {
			b.WriteString("what?\n")
		}
	}
	return b.String()
}

// However a log is cut into pieces, following it gives what reading it gives.
func TestFollow(t *testing.T) {
	whole := followed(0, 500)
	want, err := Read(strings.NewReader(whole), 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []int{1, 7, 100, 5000, len(whole)} {
		f := NewFollower(20)
		for end := 0; end < len(whole); {
			end = min(len(whole), end+piece)
			if _, err := f.Read(strings.NewReader(whole[:end]), int64(end)); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.History(); !reflect.DeepEqual(got, want) {
			t.Errorf("in pieces of %d: %+v\nwant %+v", piece, got, want)
		}
		if changed, err := f.Read(strings.NewReader(whole), int64(len(whole))); changed || err != nil {
			t.Errorf("in pieces of %d: nothing is new, but changed is %v, %v", piece, changed, err)
		}
	}
}

// A run that went on from a checkpoint has cut its log and written other lines.
func TestFollowCutLog(t *testing.T) {
	first := followed(0, 300)
	for name, second := range map[string]string{
		"shorter":         followed(0, 100),
		"longer again":    followed(0, 100) + strings.ReplaceAll(followed(100, 400), `"loss":`, `"loss":1`),
		"as long as then": strings.ReplaceAll(first, `"time":299`, `"time":298`),
		"empty":           "",
	} {
		f := NewFollower(50)
		if _, err := f.Read(strings.NewReader(first), int64(len(first))); err != nil {
			t.Fatal(err)
		}
		changed, err := f.Read(strings.NewReader(second), int64(len(second)))
		want, _ := Read(strings.NewReader(second), 50)
		if got := f.History(); err != nil || !changed || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: changed %v, %v, %+v\nwant %+v", name, changed, err, got, want)
		}
	}
}

// A log of a million lines is read once in about a second or two, and what is added
// to it afterwards costs nothing that grows with it.
func BenchmarkFollow(b *testing.B) {
	const lines = 1_000_000
	m := Metrics{Samples: 1, Epoch: 0.1, Loss: 0.123456, LR: 1e-3, GradNorm: 0.5, SamplesPerS: 12345.6, DataWaitMS: 0.01, RSSMB: 100}
	var text []byte
	for i := range lines {
		m.Step, m.Time = i, float64(i)/100
		text = appendMetrics(text, &m)
	}
	b.Run("first", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := NewFollower(400).Read(bytes.NewReader(text), int64(len(text))); err != nil {
				b.Fatal(err)
			}
		}
	})
	f := NewFollower(400)
	if _, err := f.Read(bytes.NewReader(text), int64(len(text))); err != nil {
		b.Fatal(err)
	}
	b.Run("line added", func(b *testing.B) {
		for b.Loop() {
			m.Step++
			text = appendMetrics(text, &m)
			if _, err := f.Read(bytes.NewReader(text), int64(len(text))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package job

import (
	"slices"
	"strings"
	"testing"
)

// An objective that hides the colours has its encoder checked and built for one
// channel; pictures without colours are refused before any is read.
func TestColorlessTask(t *testing.T) {
	const text = `
[data]
source = "shapes"
size = 16
count = 64
[encoder]
type = "conv"
channels = [4]
kernel = 3
stride = 2
pad = 1
code = 0
[objective]
type = "color"
decoder = [4]
[train]
batch = 8
duration = 2
`
	f, err := Parse("job.toml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Assemble(t.Context(), nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Task.Seen(); !c.Task.Pixels.Lightness || !slices.Equal(got, []int{1, 16, 16}) {
		t.Errorf("the encoder sees %v, lightness %v", got, c.Task.Pixels.Lightness)
	}
	_, err = Parse("job.toml", []byte(text), []string{"data.channels=1"})
	if want := "those of shapes have one channel, which is grey"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// However short a run is, a share of it at which it is logged is a step.
func TestLogShare(t *testing.T) {
	f, err := Parse("job.toml", []byte("[data]\nsource = \"shapes\"\nsize = 8\ncount = 32\n[log]\nevery = \"10%\"\n[train]\nbatch = 8\nduration = 1\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Assemble(t.Context(), nil, func(string) {})
	if err != nil || c.LogEvery != 1 {
		t.Errorf("logged every %d steps, %v; want 1", c.LogEvery, err)
	}
}

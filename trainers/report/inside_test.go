package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/png"
	"math"
	"regexp"
	"strings"
	"testing"

	"x2vec/trainers/runs"
)

// mapOf is a map of n points on a line, each the neighbour of the next.
func mapOf(t testing.TB, n int) string {
	t.Helper()
	m := runs.CodeMap{Step: 5, Tap: "encoder/code", Method: "tsne", Classes: []string{"a", "b"}, Thumbs: &runs.Thumbs{File: "inspect/map-thumbs.png", Width: 4, Height: 4, Columns: 8}}
	for i := range n {
		m.Points = append(m.Points, runs.MapPoint{X: float64(2 * i), Y: float64(i), Index: 100 + i, Label: i%3 - 1})
		m.Near = append(m.Near, []int{(i + 1) % n})
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The page carries the map, as many points as it has room for, and its small pictures.
func TestMapOnPage(t *testing.T) {
	dir := whole(t)
	put(t, dir, runs.MapFile, mapOf(t, 5))
	put(t, dir, "inspect/map-thumbs.png", picture(t, 32, 4))
	page := render(t, dir)
	wants(t, page, "t-SNE of encoder/code at step 5, 5 examples")
	var d mapData
	m := regexp.MustCompile(`data-map="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page has no map")
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &d); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(d.X, d.Y, d.Label, d.Index, d.Near, d.Size) != "[0 0.25 0.5 0.75 1] [0 0.125 0.25 0.375 0.5] [-1 0 1 -1 0] [100 101 102 103 104] [[1] [2] [3] [4] [0]] [1 0.5]" {
		t.Errorf("%+v", d)
	}
	if d.Thumbs == nil || !strings.HasPrefix(d.Thumbs.URI, "data:image/png;base64,") || d.Thumbs.At != nil {
		t.Errorf("small pictures %+v", d.Thumbs)
	}

	put(t, dir, runs.MapFile, mapOf(t, 2*maxMapPoints))
	page = render(t, dir)
	wants(t, page, "8,000 examples", "4,000 of them are on this page.")
	if len(page) > 1<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	for name, text := range map[string]string{
		"has no points":                       `{"points":[]}`,
		"has the neighbour 7 of 1 points":     `{"points":[{"x":0,"y":0}],"neighbors":[[7]]}`,
		"has the neighbours of 2 points":      `{"points":[{"x":0,"y":0}],"neighbors":[[0],[0]]}`,
		"lies at 1e&#43;200, 0":               `{"points":[{"x":1e200,"y":0}]}`,
		"want a file in inspect":              `{"points":[{"x":0,"y":0}],"thumbs":{"file":"../../x.png","width":1,"height":1,"columns":1}}`,
		"small pictures are 0 by 1, 1 in a":   `{"points":[{"x":0,"y":0}],"thumbs":{"file":"inspect/x.png","width":0,"height":1,"columns":1}}`,
		"inspect/map.json: invalid character": `?`,
	} {
		put(t, dir, runs.MapFile, text)
		page := render(t, dir)
		wants(t, page, name)
		if strings.Contains(page, "data-map=") {
			t.Errorf("%s: there is a map", name)
		}
	}
}

func TestLooksOnPage(t *testing.T) {
	dir := whole(t)
	put(t, dir, "inspect/units-conv2.png", picture(t, 30, 20))
	put(t, dir, "inspect/units-conv2.json", `{"command":"units","step":1000,"tap":"encoder/conv2","data":"mnist test","pictures":[{"file":"inspect/units-conv2.png","caption":"The nine patches that drive each unit most."}],"tables":[{"name":"selectivity","caption":"of classes","columns":["unit","class"],"rows":[["3","<shoe>"]]}],"units":[1]}`)
	put(t, dir, "inspect/rdm.svg", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="64px" height="48"></svg>`)
	put(t, dir, "inspect/rdm.json", `{"large":[1,2],"caption":"is not looked for behind what is large"}`)
	put(t, dir, "inspect/map.png", picture(t, 3, 3))
	put(t, dir, "inspect/page.html", "<b>")
	put(t, dir, "inspect/broken.png", "PNG")
	put(t, dir, "inspect/broken.svg", "<html></html>")
	page := render(t, dir)
	wants(t, page, "What drives the units, conv2 <small>encoder/conv2, step 1,000, mnist test</small>", "The nine patches", "Selectivity", "<td>&lt;shoe&gt;</td>", `width="30" height="20"`, "Representational dissimilarity", `width="64" height="48"`,
		"data:image/svg&#43;xml;base64,", "inspect/broken.png: is no whole PNG")
	if strings.Index(page, "What drives the units") > strings.Index(page, "Representational dissimilarity") {
		t.Error("the order of the pictures is not the one that is known")
	}
	if strings.Contains(page, "is not looked for") || strings.Count(page, `class="samples look"`) != 2 {
		t.Errorf("%d pictures", strings.Count(page, `class="samples look"`))
	}
}

func TestProbesOnPage(t *testing.T) {
	dir := whole(t)
	put(t, dir, "transfer/probe.json", `{"step":1000,"data":"mnist","layer":"encoder/code","score":"accuracy","labels":"10","train":100,"test":1000,"seeds":3,"pretrained":true,
		"rows":[{"name":"encoder","method":"linear","size":32,"mean":0.91,"half_of_95":0.012},{"name":"encoder","method":"knn","size":32,"mean":0.9,"half_of_95":0},
		{"name":"pixels","method":"linear","size":784,"mean":0.8,"half_of_95":0.02}],"protocol":["standardised <codes>"],"skipped":["PCA: too few"]}`)
	put(t, dir, "transfer/other.json", `{"something":"else"}`)
	put(t, dir, "transfer/broken.json", `{`)
	page := render(t, dir)
	wants(t, page, "Accuracy on mnist, 10 labels a class", "mean and 95 % interval over 3 seeds", "this encoder (32)", "91.00 ± 1.20 %<span", "<td>90.00 %</td>", "raw pixels (784)", "80.00 ± 2.00 %",
		"<li>standardised &lt;codes&gt;</li>", "Left out: PCA: too few", "transfer/broken.json: unexpected end", "nearest neighbours")
	wants(t, renderAll(t, dir, whole(t)), "Probes of the encoders", "Accuracy on mnist, 10 labels a class, linear")
}

// noise is a picture that does not compress.
func noise(t testing.TB, w, h int) string {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	x := uint32(1)
	for i := range img.Pix {
		x = x*1664525 + 1013904223
		img.Pix[i] = byte(x >> 24)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// However large the pictures of a run are, its page stays small, and shows them all.
func TestLargePictures(t *testing.T) {
	dir := whole(t)
	put(t, dir, "inspect/units.png", noise(t, 640, 640))
	put(t, dir, "inspect/neighbors.png", noise(t, 400, 300))
	put(t, dir, "inspect/rdm.png", picture(t, 30, 20))
	put(t, dir, "inspect/layers.gif", "GIF89a\x01\x00\x01\x00\x00\x00\x00"+strings.Repeat("x", 3<<20))
	put(t, dir, "samples/step-00001000-codes.png", noise(t, 720, 720))
	put(t, dir, runs.MapFile, mapOf(t, 5))
	put(t, dir, "inspect/map-thumbs.png", noise(t, 600, 600))
	page := render(t, dir)
	if len(page) > 5e6 {
		t.Errorf("the page has %d bytes", len(page))
	}
	wants(t, page, "Drawn here with less detail than in inspect/units.png.", "less detail than in the folder samples", "data:image/jpeg;base64,",
		"inspect/layers.gif: its 3.1 MB are too many for this page", `width="30" height="20"`)
	if n := strings.Count(page, `class="samples look"`); n != 3 {
		t.Errorf("%d of 3 pictures are there", n)
	}
	if strings.Contains(page, "Small pictures are left out") {
		t.Error("the map has no small pictures")
	}
	if strings.Contains(page, "less detail than in inspect/rdm.png") {
		t.Error("a small picture was reduced")
	}
}

func TestShareOut(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		room  int
		want  int
	}{
		{nil, 10, math.MaxInt},
		{[]int{3, 4}, 7, math.MaxInt},
		{[]int{100, 1, 100}, 41, 20},
		{[]int{9, 9}, 10, 5},
	} {
		if got := shareOut(c.sizes, c.room); got != c.want {
			t.Errorf("shareOut(%v, %d) = %d, want %d", c.sizes, c.room, got, c.want)
		}
	}
}

// What an encoder is worth by labels stands on its page as a plot and as a table, and
// beside that of others.
func TestCurveOnPage(t *testing.T) {
	dir := whole(t)
	put(t, dir, "transfer/curve-x/transfer.json", `{"step":1000,"data":"flowers <b>","score":"accuracy","test":400,"seeds":3,"pretrained":true,"rows":[
		{"method":"finetune","labels":"10","examples":100,"mean":0.5,"half_of_95":0.04},{"method":"finetune","labels":"all","examples":2000,"mean":0.8,"half_of_95":0.01},
		{"method":"scratch","labels":"10","examples":100,"mean":0.4,"half_of_95":0},{"method":"scratch","labels":"all","examples":0,"mean":0.7}],"protocol":["the same labels"]}`)
	put(t, dir, "transfer/curve-y/transfer.json", `{`)
	page := render(t, dir)
	wants(t, page, "Accuracy on flowers &lt;b&gt;, by labels", "<title>Accuracy on flowers &lt;b&gt; by the number of labels</title>", `stroke="var(--s1)"`, ">from scratch</text>",
		"10 labels a class</th>", "all labels</th>", "50.00 ± 4.00 %", "<td>70.00 %</td>", "<li>the same labels</li>", "transfer/curve-y/transfer.json: unexpected end")
	if strings.Contains(page, "<style>\n:root { --page: #fff;") {
		t.Error("the plot brings colours of its own, which the page does not allow")
	}
	wants(t, renderAll(t, dir, whole(t)), "Accuracy on flowers &lt;b&gt;, 10 labels a class, finetuned")
}

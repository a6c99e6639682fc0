package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/checkpoints"
	"x2vec/trainers/runs"
)

// put writes a file of a run.
func put(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// add writes to the end of a file.
func add(t testing.TB, dir, name, content string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func picture(t testing.TB, w, h int) string {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetGray(x, y, color.Gray{Y: uint8(8 * (x ^ y))})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func metricsLine(step int, loss float64) string {
	return fmt.Sprintf(`{"step":%d,"samples":%d,"epoch":%g,"time":%g,"loss":%g,"lr":0.001,"grad_norm":0.1,"samples_per_s":1000,"data_wait_ms":0.01,"rss_mb":90}`+"\n",
		step, step*10, float64(step)/100, float64(step)/10, loss)
}

// some is a run that has come so far; done says whether it ended there.
func some(t testing.TB, root, name string, lr string, steps int, done bool) string {
	t.Helper()
	dir := filepath.Join(root, filepath.FromSlash(name))
	put(t, dir, runs.RunFile, "seed = 1\n[data]\nsource = \"mnist\"\n[encoder]\ntype = \"mlp\"\n[objective]\ntype = \"autoencoder\"\n[optimizer]\ntype = \"adam\"\nlr = "+lr+"\n")
	var log strings.Builder
	log.WriteString(`{"event":"start","step":0,"time":0,"steps":1000,"cpu":"a processor"}` + "\n")
	for step := 10; step <= steps; step += 10 {
		log.WriteString(metricsLine(step, 0.2+math.Exp(-float64(step)/200)))
	}
	if done {
		fmt.Fprintf(&log, `{"event":"stop","step":%d,"time":100,"reason":"complete"}`+"\n", steps)
	}
	put(t, dir, runs.MetricsFile, log.String())
	for i, step := range []int{steps / 2, steps} {
		sample := fmt.Sprintf("samples/step-%08d-reconstructions.png", step)
		put(t, dir, sample, picture(t, 120, 40))
		put(t, dir, fmt.Sprintf("evals/step-%08d.json", step), fmt.Sprintf(`{"step":%d,"figures":[{"name":"test loss","value":%g,"better":"lower"},{"name":"kNN accuracy","value":%g,"better":"higher","note":"k = 20"}],"pictures":[{"file":%q,"caption":"Top: originals."}]}`,
			step, 0.3-0.1*float64(i), 0.8+0.05*float64(i), sample))
	}
	return dir
}

// withMap adds what looking inside leaves, and a probe.
func withMap(t testing.TB, dir string) {
	t.Helper()
	m := map[string]any{"step": 100, "tap": "encoder/code", "method": "pca", "classes": []string{"zero", "one", "two"},
		"thumbs": map[string]any{"file": "inspect/map-thumbs.png", "width": 8, "height": 8, "columns": 10}}
	var points []map[string]any
	var near [][]int
	for i := range 90 {
		a := float64(i) * 0.7
		points = append(points, map[string]any{"x": float64(3*(i%3)) + math.Cos(a), "y": math.Sin(a) * (1 + float64(i)/90), "index": 1000 + i, "label": i % 3})
		near = append(near, []int{(i + 3) % 90, (i + 6) % 90, (i + 87) % 90})
	}
	m["points"], m["neighbors"] = points, near
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, runs.MapFile, string(text))
	put(t, dir, "inspect/map-thumbs.png", picture(t, 80, 72))
	put(t, dir, "inspect/rdm.png", picture(t, 100, 100))
	put(t, dir, "inspect/rdm.json", `{"caption":"Dark is alike.","values":[1,2]}`)
	put(t, dir, "transfer/probe.json", `{"step":100,"data":"mnist","layer":"encoder/code","score":"accuracy","labels":"10","train":100,"test":1000,"seeds":3,"pretrained":true,
		"rows":[{"name":"encoder","method":"linear","size":32,"mean":0.91,"half_of_95":0.012},{"name":"pixels","method":"linear","size":784,"mean":0.8,"half_of_95":0.02}],"protocol":["standardised"]}`)
}

// at makes a run one that this process works on.
func atWork(t testing.TB, dir string) {
	t.Helper()
	lock, err := checkpoints.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
}

// begin serves a folder.
func begin(t testing.TB, o Options) (*Server, *httptest.Server) {
	t.Helper()
	s := New(o)
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		s.end()
		h.Close()
		if err := s.folder.close(); err != nil {
			t.Error(err)
		}
	})
	return s, h
}

// get asks a server for something, as a program does.
func get(t testing.TB, s http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, s, "GET", target, header...)
}

func ask(t testing.TB, s http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8322"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

package report

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// noNumber is a path with a coordinate that is none.
var noNumber = regexp.MustCompile(` d="[^"]*(?:NaN|Inf)`)

// Whatever the files of a run hold, there is a page, and nothing of theirs runs.
func FuzzRender(f *testing.F) {
	f.Add("seed = 1\n[data]\nsource = \"mnist\"\n", metricsLine(1, 2)+metricsLine(2, 1), `{"step":1,"figures":[{"name":"test loss","value":1}]}`, "step-00000001-a.png", []byte(picture(f, 2, 2)))
	f.Add("[[", "{\n"+metricsLine(1, -1e308)+metricsLine(1<<40, 1e308), `{"step":-1,"figures":[{"name":"","value":"-Inf"},{"name":"a","value":"NaN","better":"lower"}]}`, "step-00000000-_.png", []byte{})
	f.Add(evil, `{"event":"stop","step":0,"time":0,"reason":""}`+"\n"+`{"event":"stop","step":0,"time":0,"reason":"."}`+"\n", `{"figures":null}`, evil, []byte(evil))
	f.Fuzz(func(t *testing.T, settings, metrics, result, name string, png []byte) {
		dir := t.TempDir()
		put(t, dir, "run.toml", settings)
		put(t, dir, "metrics.jsonl", metrics)
		put(t, dir, "evals/step-00000001.json", result)
		put(t, dir, "evals/step-00000002.json", strings.Replace(result, "1", "2", 1))
		if name == filepath.Base(name) && len(name) < 200 && !strings.ContainsAny(name, "\x00") && strings.Trim(name, ".") != "" {
			put(t, dir, "samples/"+name, string(png))
		}
		page := render(t, dir)
		if n := strings.Count(page, "<script"); n != 1 {
			t.Errorf("%d scripts on the page", n)
		}
		if !strings.HasSuffix(page, "</html>\n") || strings.Contains(page, "ZgotmplZ") {
			t.Error("the page is not whole")
		}
		if bad := noNumber.FindString(page); bad != "" {
			t.Errorf("a curve goes through %q", bad)
		}
	})
}

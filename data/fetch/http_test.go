package fetch

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBadServers(t *testing.T) {
	wrong := bytes.Clone(original)
	wrong[1000] ^= 1
	short, long := original[:len(original)-1], append(bytes.Clone(original), 0)
	redirect := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		want     string
		requests int
	}{
		"wrong bytes":         {bytesOf(wrong, false), "is not the original: has the SHA-256", 1},
		"too short":           {bytesOf(short, false), "offers a file of 3145850 bytes, the original has 3145851", 1},
		"too long":            {bytesOf(long, false), "offers a file of 3145852 bytes", 1},
		"too short, chunked":  {bytesOf(short, true), "ended after 3145850 of 3145851 bytes", 3},
		"too long, chunked":   {bytesOf(long, true), "sends more than the 3145851 bytes of the original", 1},
		"nothing":             {bytesOf(nil, false), "offers a file of 0 bytes", 1},
		"a page":              {bytesOf([]byte("<html>log in first</html>"), false), "offers a file of 25 bytes", 1},
		"not found":           {answers(404), "answers 404 Not Found", 1},
		"forbidden":           {answers(403), "answers 403 Forbidden", 1},
		"broken":              {answers(500), "answers 500 Internal Server Error (3 attempts)", 3},
		"busy":                {answers(503, "Retry-After", "0"), "answers 503 Service Unavailable (3 attempts)", 3},
		"a range unasked for": {answers(206, "Content-Range", "bytes 5-9/10"), "sent the range \"bytes 5-9/10\" in place of", 3},
		"redirects forever":   {redirect, "stopped after 10 redirects", 30},
		"always breaks off":   {breaksOff(1000, ""), "broke off after 1000 of 3145851 bytes", 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, good := serve(t, c.handler), serve(t, whole(`"x"`))
			dir := t.TempDir()
			_, err := try(t, set(s.URL), dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "a: ") {
				t.Errorf("%v, want %q", err, c.want)
			}
			if n := len(s.requests()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
				t.Error("the file is in its place")
			}
			// With a mirror it ends well.
			dir = t.TempDir()
			said, err := try(t, set(s.URL, good.URL), dir)
			if err != nil || !strings.Contains(strings.Join(said, "\n"), "; trying "+good.URL+"/a") {
				t.Errorf("with a mirror: %v, said %q", err, said)
			}
			complete(t, dir)
		})
	}
}

func TestBadThenGood(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"busy":                 answers(503),
		"too many requests":    answers(429, "Retry-After", "0"),
		"no such range":        answers(416),
		"cut off in the reply": func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		"redirect":             func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere/a", http.StatusFound) },
	} {
		s := serve(t, first, whole(`"1"`))
		dir := t.TempDir()
		if _, err := try(t, set(s.URL), dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		complete(t, dir)
	}
}

// More breaks than attempts do not end a download that goes on.
func TestManyBreaks(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		at := 0
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &at)
		end := min(at+300<<10, len(original))
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(original)-at))
		if at > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, len(original)-1, len(original)))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(original[at:end])
		if end < len(original) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	dir := t.TempDir()
	if said, err := try(t, set(s.URL), dir, func(o *Options) { o.Attempts = 5 }); err != nil {
		t.Errorf("%v, said %q", err, said)
	}
	complete(t, dir)
	if n := len(s.requests()); n < 8 {
		t.Errorf("%d requests", n)
	}
}

func TestStall(t *testing.T) {
	release := make(chan struct{})
	stalls := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(original)))
		_, _ = w.Write(original[:1000])
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	defer close(release)
	dir := t.TempDir()
	s := serve(t, stalls, whole(""))
	said, err := try(t, set(s.URL), dir, func(o *Options) { o.Stall = 50 * time.Millisecond })
	if err != nil || len(said) != 1 || !strings.Contains(said[0], "the connection stalled: nothing came for 50ms") {
		t.Errorf("%v, said %q", err, said)
	}
	complete(t, dir)
}

// A slow connection is no stalled one.
func TestSlowIsNotStalled(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(original)))
		for rest, n := original, len(original)/10; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			_, _ = w.Write(rest[:min(n, len(rest))])
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	dir := t.TempDir()
	if said, err := try(t, set(s.URL), dir, func(o *Options) { o.Stall = 300 * time.Millisecond }); err != nil || len(said) != 0 {
		t.Errorf("%v, said %q", err, said)
	}
	complete(t, dir)
}

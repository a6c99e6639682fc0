package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"x2vec/data/draw"
)

// original is the content of the file "a" of the test's set.
var original = func() []byte {
	b := make([]byte, 3<<20+123)
	for i := range b {
		b[i] = byte(draw.At(1, uint64(i)))
	}
	return b
}()

func set(urls ...string) Set {
	sum := sha256.Sum256(original)
	f := File{Name: "a", Size: int64(len(original)), SHA256: hex.EncodeToString(sum[:])}
	for _, u := range urls {
		f.URLs = append(f.URLs, u+"/a")
	}
	return Set{Name: "test", Files: []File{f}}
}

// server answers the n-th request by the n-th of the handlers, the last of them
// for all further ones, and keeps the headers that were asked with.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []http.Header
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.asked)
		s.asked = append(s.asked, r.Header.Clone())
		s.mu.Unlock()
		handlers[min(n, len(handlers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// whole serves the original as a good server does, ranges included.
func whole(tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		http.ServeContent(w, r, "a", time.Time{}, bytes.NewReader(original))
	}
}

// breaksOff promises everything and ends the connection after n bytes.
func breaksOff(n int, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Length", fmt.Sprint(len(original)))
		_, _ = w.Write(original[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func answers(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// bytesOf serves anything, with its length or (chunked) without.
func bytesOf(b []byte, chunked bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !chunked {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		}
		_, _ = w.Write(b)
	}
}

// try is a Get that does not wait long, and what it said.
func try(t *testing.T, s Set, dir string, change ...func(*Options)) (said []string, err error) {
	t.Helper()
	o := Options{Attempts: 3, Pause: time.Millisecond, Stall: 5 * time.Second, Warn: func(s string) { said = append(said, s) }}
	for _, c := range change {
		c(&o)
	}
	err = Get(t.Context(), s, dir, o)
	return said, err
}

// complete checks that dir holds the file and nothing that is unfinished.
func complete(t *testing.T, dir string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil || !bytes.Equal(got, original) {
		t.Errorf("the file is not the original: %d bytes, %v", len(got), err)
	}
	for _, left := range []string{"a.part", "a.part.from"} {
		if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
			t.Errorf("%s is left", left)
		}
	}
}

func TestGet(t *testing.T) {
	s := serve(t, whole(`"1"`))
	dir := filepath.Join(t.TempDir(), "new", "folder")
	var last Progress
	ask := func(o *Options) {
		o.Progress = func(p Progress) {
			if p.Done < last.Done && !p.Kept {
				t.Errorf("progress goes back from %d to %d", last.Done, p.Done)
			}
			last = p
		}
	}
	if said, err := try(t, set(s.URL), dir, ask); err != nil || len(said) != 0 {
		t.Fatalf("%v, said %q", err, said)
	}
	complete(t, dir)
	if last != (Progress{"a", 0, 1, int64(len(original)), int64(len(original)), false}) {
		t.Errorf("last progress: %+v", last)
	}
	if _, err := try(t, set(s.URL), dir, ask); err != nil || !last.Kept || len(s.requests()) != 1 {
		t.Errorf("again: %v, %+v, %d requests", err, last, len(s.requests()))
	}
	// A damaged one is fetched again.
	if err := os.WriteFile(filepath.Join(dir, "a"), original[:99], 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := try(t, set(s.URL), dir)
	if err != nil || len(said) != 1 || !strings.Contains(said[0], "is fetched again: is not the original: has 99 bytes") {
		t.Errorf("damaged: %v, said %q", err, said)
	}
	complete(t, dir)
}

func TestResume(t *testing.T) {
	const part = 2 << 20
	for name, c := range map[string]struct {
		next  http.HandlerFunc
		asked string // Range of the second request
	}{
		"the same version": {whole(`"1"`), fmt.Sprintf("bytes=%d-", part)},
		"another version":  {whole(`"2"`), fmt.Sprintf("bytes=%d-", part)},
		"no ranges":        {bytesOf(original, false), fmt.Sprintf("bytes=%d-", part)},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, breaksOff(part, `"1"`), c.next)
			dir := t.TempDir()
			said, err := try(t, set(s.URL), dir)
			if err != nil {
				t.Fatal(err)
			}
			complete(t, dir)
			second := s.requests()[1]
			if second.Get("Range") != c.asked || second.Get("If-Range") != `"1"` {
				t.Errorf("asked for %q, if %q", second.Get("Range"), second.Get("If-Range"))
			}
			if len(said) != 1 || !strings.Contains(said[0], fmt.Sprintf("broke off after %d of %d bytes", part, len(original))) {
				t.Errorf("said %q", said)
			}
		})
	}
}

// A download that was ended goes on the next time, also of another process.
func TestResumeLater(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, breaksOff(1<<20, `"1"`), whole(`"1"`))
	if _, err := try(t, set(s.URL), dir, func(o *Options) { o.Attempts = 1 }); err == nil || !strings.Contains(err.Error(), "broke off") {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "a.part")); err != nil || info.Size() != 1<<20 {
		t.Fatalf("the part: %v", err)
	}
	if _, err := try(t, set(s.URL), dir); err != nil {
		t.Fatal(err)
	}
	complete(t, dir)
	if got := s.requests()[1].Get("Range"); got != "bytes=1048576-" {
		t.Errorf("asked for %q", got)
	}
}

// What is left of a download may be of another version than the server knows of;
// then the sum is wrong at the end, and it is fetched whole.
func TestResumeOfOtherBytes(t *testing.T) {
	for name, n := range map[string]int{"a part": 1000, "all of it": len(original), "more": len(original) + 1} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.part"), make([]byte, n), 0o644); err != nil {
			t.Fatal(err)
		}
		s := serve(t, whole(`"1"`))
		if said, err := try(t, set(s.URL), dir); err != nil {
			t.Errorf("%s: %v, said %q", name, err, said)
		}
		complete(t, dir)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(original)))
		_, _ = w.Write(original[:1000])
		w.(http.Flusher).Flush()
		cancel(why)
		<-r.Context().Done()
	})
	dir := t.TempDir()
	if err := Get(ctx, set(s.URL), dir, Options{}); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if err := Get(ctx, set(s.URL), dir, Options{}); !errors.Is(err, why) {
		t.Errorf("before it begins: %v", err)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestFrom(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a"), original, 0o644); err != nil {
		t.Fatal(err)
	}
	mirror := serve(t, http.StripPrefix("/mirror/x/", http.FileServer(http.Dir(folder))).ServeHTTP)
	home := serve(t, answers(500))
	for _, from := range []string{folder, mirror.URL + "/mirror/x", mirror.URL + "/mirror/x/"} {
		dir := t.TempDir()
		if _, err := try(t, set(home.URL), dir, func(o *Options) { o.From = from }); err != nil {
			t.Errorf("from %s: %v", from, err)
		}
		complete(t, dir)
	}
	if len(home.requests()) != 0 {
		t.Error("the home was asked although a mirror was given")
	}
	if err := os.WriteFile(filepath.Join(folder, "a"), make([]byte, len(original)), 0o644); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		folder:            "is not the original: has the SHA-256",
		t.TempDir():       "no such file",
		"ftp://host/data": "want a folder or an address that begins with http",
		"http://":         "want a folder or an address",
	} {
		dir := t.TempDir()
		if _, err := try(t, set(home.URL), dir, func(o *Options) { o.From = from }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("from %s: %v, want %q", from, err, want)
		}
	}
}

func TestProxyOfTheEnvironment(t *testing.T) {
	if Options.withDefaults(Options{}).Client.Transport.(*http.Transport).Proxy == nil {
		t.Error("proxies are not asked for")
	}
}

func TestTwoAtOnceAndNoFolder(t *testing.T) {
	dir := t.TempDir()
	lock := flock.New(filepath.Join(dir, ".lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if _, err := try(t, set("http://127.0.0.1:1"), dir); err == nil || !strings.Contains(err.Error(), "another process is downloading into it") {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := try(t, set("http://127.0.0.1:1"), file); err == nil {
		t.Error("a folder that is a file")
	}
}

func TestSets(t *testing.T) {
	for _, s := range Sets() {
		if s.Name == "" || s.About == "" || s.Licence == "" || s.Size() < 1<<20 {
			t.Errorf("%+v", s)
		}
		for _, f := range s.Files {
			if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != 32 || f.Size < 1 || len(f.URLs) == 0 || f.Name != filepath.Base(f.Name) {
				t.Errorf("%s: %+v", s.Name, f)
			}
			for _, u := range f.URLs {
				if !strings.HasPrefix(u, "http") || !strings.HasSuffix(u, "/"+f.Name) {
					t.Errorf("%s: %s", s.Name, u)
				}
			}
		}
		if found, err := Find(s.Name); err != nil || found.Name != s.Name {
			t.Error(err)
		}
	}
	if _, err := Find("minst"); err == nil || !strings.Contains(err.Error(), "there are cifar10, cifar100, emnist, fashion-mnist, kmnist, mnist, text8; did you mean \"mnist\"?") {
		t.Error(err)
	}
}

// Package serve shows the runs in a folder to a browser: a list, a page of each and
// of several side by side, which move while the runs are at work.
//
// It reads the folders of the runs and nothing else, takes no lock and keeps nothing
// on disk; the one thing that it writes is the request to stop that somebody clicks. It
// may begin before a run, beside it or long after. What lies in the folders may come
// from anyone, and so may requests: all of it is bounded, nothing outside of the
// folder is reached, also not by a link, and no page runs what is not the program's.
package serve

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"x2vec/trainers/eval"
	"x2vec/trainers/report"
)

// Options say what is served to whom.
type Options struct {
	Dir string // whose runs are shown; it need not exist yet
	// Token is what a browser has to know; empty lets all in that reach the server.
	Token string
	// Hosts are names that browsers may call the server by, besides addresses and
	// those of this machine for itself.
	Hosts []string
	// Words reads the word vectors of the run in a folder; nil where nobody can.
	Words func(dir string) (*eval.WordSpace, error)
	Log   func(format string, a ...any)
}

// A Server shows runs. Its methods may be called by several goroutines.
type Server struct {
	o        Options
	folder   *folder
	words    spaces
	handler  http.Handler
	pages    chan struct{} // one for each page that is being made
	watchers chan struct{} // one for each browser that follows
	ended    context.Context
	end      context.CancelFunc
}

const (
	maxPages    = 4   // made at once
	maxWatchers = 100 // browsers that follow at once
	pageTime    = time.Minute
	fileTime    = 6 * time.Hour // a large file over a slow line
)

//go:embed assets
var assets embed.FS

// New makes a server of the runs in a folder.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	s := &Server{o: o, folder: newFolder(o.Dir), pages: make(chan struct{}, maxPages), watchers: make(chan struct{}, maxWatchers)}
	s.ended, s.end = context.WithCancel(context.Background())
	s.words.read = o.Words
	mux := http.NewServeMux()
	page := func(pattern string, h func(w http.ResponseWriter, r *http.Request) error) {
		mux.Handle(pattern, gzhttp.GzipHandler(s.making(h)))
	}
	page("GET /{$}", s.list)
	page("GET /runs/{run}", s.run)
	page("GET /runs/{run}/map", s.mapOf)
	page("GET /runs/{run}/words", s.wordsOf)
	page("GET /compare", s.compare)
	page("GET /assets/{name}", s.asset)
	mux.Handle("GET /runs/{run}/files/{path...}", answer(s.file))
	mux.Handle("POST /runs/{run}/stop", answer(s.stop))
	mux.Handle("GET /events", answer(s.followList))
	mux.Handle("GET /runs/{run}/events", answer(s.followRuns))
	mux.Handle("GET /compare/events", answer(s.followRuns))
	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	outer.Handle("/", s.admit(mux))
	s.handler = s.bounded(outer)
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers what comes to a listener until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: pageTime,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.end() // those who follow leave
	late, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := h.Shutdown(late); err != nil { // a download is cut
		_ = h.Close()
	}
	return s.folder.close()
}

// A refusal is an error with the status of the answer.
type refusal struct {
	status int
	text   string
}

func (e refusal) Error() string { return e.text }

func refuse(status int, format string, a ...any) error {
	return refusal{status, fmt.Sprintf(format, a...)}
}

// answer turns an error into an answer.
func answer(h func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		var no refusal
		switch {
		case err == nil:
		case errors.As(err, &no):
			http.Error(w, no.text, no.status)
		case errors.Is(err, fs.ErrNotExist):
			http.Error(w, "there is no such thing here", http.StatusNotFound)
		case r.Context().Err() != nil: // nobody waits any more
		default:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// making is answer of a few requests at once: of more the others wait.
func (s *Server) making(h func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return answer(func(w http.ResponseWriter, r *http.Request) error {
		select {
		case s.pages <- struct{}{}:
		case <-r.Context().Done():
			return r.Context().Err()
		}
		defer func() { <-s.pages }()
		return h(w, r)
	})
}

// policy allows what is the program's own.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// bounded sets the headers that all answers have, and survives a fault of the program.
func (s *Server) bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		for _, kv := range [][2]string{
			{"Content-Security-Policy", policy}, {"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "DENY"},
			{"Referrer-Policy", "no-referrer"}, {"Cross-Origin-Opener-Policy", "same-origin"},
			{"Cross-Origin-Resource-Policy", "same-origin"}, {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
			{"Cache-Control", "private, no-cache"},
		} {
			head.Set(kv[0], kv[1])
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.o.Log("%s %s: %v\n%s", r.Method, r.URL.Path, p, debug.Stack())
				http.Error(w, "the program has a fault; its log says more", http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

var templates = template.Must(template.Must(report.Templates.Clone()).ParseFS(assets, "assets/*.html"))

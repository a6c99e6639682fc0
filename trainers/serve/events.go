package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// How often folders are looked at while somebody follows, and how long a line without
// a word stays open.
var (
	lookEvery = time.Second
	wordEvery = 15 * time.Second
)

// events sends what happens until the browser leaves: tell gives the next event, which
// is nil where nothing has.
func (s *Server) events(w http.ResponseWriter, r *http.Request, tell func() (any, error)) error {
	select {
	case s.watchers <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "10")
		return refuse(http.StatusServiceUnavailable, "%d browsers follow already", maxWatchers)
	}
	defer func() { <-s.watchers }()
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for a proxy before this server
	send := func(text string) bool {
		if err := rc.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return false
		}
		_, err := w.Write([]byte(text))
		return err == nil && rc.Flush() == nil
	}
	if !send("retry: 2000\n\n") {
		return nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	spoke := time.Now()
	for {
		what, err := tell()
		var said string
		switch {
		case err != nil:
			what = map[string]string{"error": err.Error()}
			fallthrough
		case what != nil:
			text, err := json.Marshal(what)
			if err != nil {
				return err
			}
			said = fmt.Sprintf("data: %s\n\n", text)
		case time.Since(spoke) > wordEvery:
			said = ":\n\n"
		}
		if said != "" {
			if !send(said) {
				return nil
			}
			spoke = time.Now()
		}
		if err != nil { // the browser comes again
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.ended.Done():
			return nil
		case <-tick.C:
		}
	}
}

// A listEvent is what has changed in the list.
type listEvent struct {
	Gen   int64       `json:"gen"`
	Count string      `json:"count"`
	Rows  [][2]string `json:"rows"`            // id, HTML
	Order []string    `json:"order,omitempty"` // all ids, where there are others than before
	// Columns has the page asked for anew where it has others.
	Columns string `json:"columns"`
}

// columnsText tells columns apart.
func columnsText(columns []column) string {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return strings.Join(names, "\n")
}

// ColumnsText is columnsText for the template.
func (p listPage) ColumnsText() string { return columnsText(p.Columns) }

// followList says what changes in the list, from the state on that the page shows.
func (s *Server) followList(w http.ResponseWriter, r *http.Request) error {
	var since int64
	if _, err := fmt.Sscan(r.URL.Query().Get("since"), &since); err != nil {
		since = 0
	}
	return s.events(w, r, func() (any, error) {
		entries, gen, set, err := s.folder.runs()
		if err != nil || gen == since {
			return nil, err
		}
		columns := columnsOf(entries)
		e := listEvent{Gen: gen, Count: countOf(entries), Rows: [][2]string{}, Columns: columnsText(columns)}
		var b bytes.Buffer
		for _, run := range entries {
			if set > since || since > gen {
				e.Order = append(e.Order, run.id)
			}
			if run.gen <= since && since <= gen {
				continue
			}
			b.Reset()
			if err := templates.ExecuteTemplate(&b, "row", rowOf(run, columns)); err != nil {
				return nil, err
			}
			e.Rows = append(e.Rows, [2]string{run.id, b.String()})
		}
		since = gen
		return e, nil
	})
}

// followRuns says when the page of a run, or of several, is another one.
func (s *Server) followRuns(w http.ResponseWriter, r *http.Request) error {
	before := r.URL.Query().Get("at")
	return s.events(w, r, func() (any, error) {
		_, files, err := s.asked(r)
		if err != nil {
			return nil, err
		}
		var stamps strings.Builder
		for _, f := range files {
			stamps.WriteString(pageStamp(f))
		}
		now := hash(stamps.String())
		if now == before {
			return nil, nil
		}
		before = now
		return map[string]string{"at": now}, nil
	})
}

package serve

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

// spaces keeps the word vectors that were asked for last: they are large.
type spaces struct {
	read func(dir string) (*eval.WordSpace, error)
	mu   sync.Mutex
	id   string // of the run
	at   string // its checkpoints then
	kept *eval.WordSpace
	drop *time.Timer
}

const (
	keepWords = 10 * time.Minute // after the last question
	answers   = 20               // words in an answer
	maxWord   = 100              // bytes of one that is asked for
)

// of gives the words of a run, from its newest checkpoint.
func (s *spaces) of(id, dir, at string) (*eval.WordSpace, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drop != nil {
		s.drop.Stop()
	}
	s.drop = time.AfterFunc(keepWords, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept = nil
	})
	if s.kept != nil && s.id == id && s.at == at {
		return s.kept, nil
	}
	s.kept = nil // not two at once
	space, err := s.read(dir)
	if err != nil {
		return nil, err
	}
	s.id, s.at, s.kept = id, at, space
	return space, nil
}

// wordsAnswer is what the page is told.
type wordsAnswer struct {
	Words []wordNear `json:"words"`
	Error string     `json:"error,omitempty"`
	Near  []string   `json:"near,omitempty"` // words that were perhaps meant
}

type wordNear struct {
	Word   string  `json:"word"`
	Cosine float64 `json:"cosine"`
}

// wordsOf answers which words are near to one (near=), or what relates to c as b does
// to a.
func (s *Server) wordsOf(w http.ResponseWriter, r *http.Request) error {
	e, files, err := s.folder.run(r.PathValue("run"))
	if err != nil {
		return err
	}
	if s.o.Words == nil {
		return refuse(http.StatusNotFound, "this server reads no words")
	}
	q := r.URL.Query()
	words := []string{q.Get("near")}
	if words[0] == "" {
		words = []string{q.Get("a"), q.Get("b"), q.Get("c")}
	}
	for i, word := range words {
		words[i] = strings.TrimSpace(word)
		if n := len(words[i]); n == 0 || n > maxWord {
			return refuse(http.StatusBadRequest, "type a word, or three for a relation")
		}
	}
	info, err := fs.Stat(files, runs.CheckpointsDir)
	if err != nil {
		return refuse(http.StatusNotFound, "the run has no checkpoint yet")
	}
	// They are read by their path, which must not lead elsewhere.
	if err := s.folder.ownFiles(e, runs.RunFile, runs.VocabularyFile, runs.CheckpointsDir); err != nil {
		return err
	}
	dir := filepath.Join(s.folder.dir, filepath.FromSlash(e.path))
	space, err := s.words.of(e.id, dir, info.ModTime().String())
	if err != nil {
		return refuse(http.StatusConflict, "the words cannot be read: %s", strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	}
	var found []eval.Neighbor
	if len(words) == 1 {
		found, err = space.Neighbors(words[0], answers)
	} else {
		found, err = space.Analogy(words[0], words[1], words[2], answers)
	}
	a := wordsAnswer{Words: []wordNear{}}
	var unknown *eval.UnknownWord
	switch {
	case errors.As(err, &unknown):
		a.Error, a.Near = unknown.Word+" is not in the vocabulary", unknown.Near
	case err != nil:
		return err
	}
	for _, n := range found {
		a.Words = append(a.Words, wordNear{n.Word, n.Cosine})
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(text)
	return gone(err)
}

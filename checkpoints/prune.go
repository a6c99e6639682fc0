package checkpoints

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
)

// A Policy says which checkpoints Prune keeps: each that any of the rules wants.
type Policy struct {
	// Last keeps that many of the newest; 0 or less keeps all there are.
	Last int
	// Metric keeps the checkpoint with the smallest value of State.Metrics[Metric],
	// with Max the largest; of equals the older one. NaN is never the best.
	Metric string
	Max    bool
	// Every keeps the milestones: every step that is a multiple of it. 0 keeps none.
	Every int
}

// Prune removes the checkpoints that the policy does not keep and returns their
// steps. Whatever the policy, it leaves the newest that is whole and all that
// are newer, the one that was saved last, and those of a newer format. One that
// is damaged counts for none of the rules but the milestones.
func (s *Store) Prune(p Policy) (removed []int, err error) {
	if p.Last <= 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := s.entries()
	if err != nil {
		return nil, err
	}
	keep := make([]bool, len(entries))
	whole, best := 0, -1
	var bestValue float64
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		info := describe(e)
		var newer *VersionError
		if errors.As(info.Err, &newer) || e.step == s.saved || p.Every > 0 && e.step%p.Every == 0 {
			keep[i] = true
		}
		// Until one is known to be whole, a look at sizes is not enough: this may
		// be all that is left of the run.
		if info.Err == nil && whole == 0 && !s.good[e.step] {
			info.Err = verifyFolder(e.folder)
		}
		if info.Err != nil {
			keep[i] = keep[i] || whole == 0
			continue
		}
		s.good[e.step] = s.good[e.step] || whole == 0
		whole++
		if whole <= p.Last {
			keep[i] = true
		}
		value, ok := info.Metrics[p.Metric]
		v := float64(value)
		if p.Max {
			v = -v
		}
		if ok && !math.IsNaN(v) && (best < 0 || v <= bestValue) {
			best, bestValue = i, v
		}
	}
	if best >= 0 {
		keep[best] = true
	}
	var errs []error
	for i, e := range entries {
		if keep[i] {
			continue
		}
		delete(s.good, e.step)
		name := filepath.Base(s.folder(stepPrefix, e.step))
		if err := s.remove(e.folder, name); err != nil {
			errs = append(errs, fmt.Errorf("%s: not removed: %w", e.folder, cause(err)))
			continue
		}
		removed = append(removed, e.step)
	}
	return removed, errors.Join(errs...)
}

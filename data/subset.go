package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"

	"x2vec/data/draw"
)

// Subset is the examples of src at the given positions, in that order. An index
// outside src is an error.
func Subset(src Source, index []int) (Source, error) {
	for _, i := range index {
		if i < 0 || i >= src.Len() {
			return nil, fmt.Errorf("subset of %s: no example %d among %d", src.Spec().Name, i, src.Len())
		}
	}
	return &subset{src, slices.Clone(index)}, nil
}

// Limit is n examples of src, drawn at random by seed and kept in the order of
// src. It is src itself where n is 0 or src has no more than n.
func Limit(src Source, n int, seed uint64) (Source, error) {
	if n < 0 {
		return nil, fmt.Errorf("limit: is %d, want 0 (all) or more", n)
	}
	if n == 0 || n >= src.Len() {
		return src, nil
	}
	order := draw.NewPerm(draw.Key(seed, "limit", 0, 0), src.Len())
	index := make([]int, n)
	for i := range index {
		index[i] = order.At(i)
	}
	slices.Sort(index)
	return &subset{src, index}, nil
}

type subset struct {
	src   Source
	index []int
}

func (s *subset) Spec() Spec { return s.src.Spec() }
func (s *subset) Len() int   { return len(s.index) }

func (s *subset) Read(index int, into *Example) error {
	if err := InRange(index, len(s.index)); err != nil {
		return err
	}
	return s.src.Read(s.index[index], into)
}

// Checksum is that of the whole Source together with the positions.
func (s *subset) Checksum() (string, error) {
	c, ok := s.src.(Checksummer)
	if !ok {
		return "", fmt.Errorf("%s has no checksum", s.src.Spec().Name)
	}
	sum, err := c.Checksum()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, sum, s.index)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// InRange is the error of a Source that is asked for an example it does not have.
func InRange(index, n int) error {
	if index < 0 || index >= n {
		return fmt.Errorf("no example %d: there are %d, from 0", index, n)
	}
	return nil
}

// Evenly is n positions, or as many as there are, spread evenly over 0 to of−1.
func Evenly(n, of int) []int {
	index := make([]int, min(n, of))
	for i := range index {
		index[i] = i * of / len(index)
	}
	return index
}

// Spread is Evenly in an order of which every beginning is spread over 0 to of−1, too
// (van der Corput's sequence).
func Spread(n, of int) []int {
	index := Evenly(n, of)
	if len(index) == 0 {
		return index
	}
	// Counting with the bits turned round: 0, 4, 2, 6, 1, … of 8.
	width := bits.Len(uint(len(index) - 1))
	order := make([]int, 0, len(index))
	for i := range 1 << width {
		if at := int(bits.Reverse64(uint64(i)) >> (64 - width)); at < len(index) {
			order = append(order, index[at])
		}
	}
	return order
}

package text

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
)

// store is a list of numbers, in memory as long as there are few of them and then
// in a file without a name. It is filled, renumbered once, and then read from any
// goroutine. Whoever drops it needs to close nothing: a file that is no longer reached
// is closed by package os, and its room is free again.
type store struct {
	memory int64 // numbers that are held in memory
	temp   string
	n      int64

	mem  [][]int32 // pieces, all but the last full: growing copies nothing
	file *os.File  // holds all but what is in mem
	at   int64     // numbers in file
	buf  []byte    // for writing to it
}

// piece is how many numbers are held, or written to the file, at a time.
const piece = 1 << 16

func (s *store) add(v int32) error {
	if last := len(s.mem) - 1; last < 0 || len(s.mem[last]) == piece {
		if last >= 0 && (s.file != nil || s.n >= s.memory) {
			if err := s.spill(); err != nil {
				return err
			}
		} else {
			s.mem = append(s.mem, make([]int32, 0, piece))
		}
	}
	last := len(s.mem) - 1
	s.mem[last] = append(s.mem[last], v)
	s.n++
	return nil
}

// drain appends all numbers to a list, and has none afterwards. There is no file.
func (s *store) drain(to []int32) []int32 {
	for _, p := range s.mem {
		to = append(to, p...)
	}
	s.clear()
	s.n = 0
	return to
}

// clear keeps one piece of the memory, which is enough from then on.
func (s *store) clear() {
	if len(s.mem) > 0 {
		clear(s.mem[1:])
		s.mem = s.mem[:1]
		s.mem[0] = s.mem[0][:0]
	}
}

// spill moves what is in memory to the file.
func (s *store) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.temp, "x2vec-words-*")
		if err != nil {
			return fmt.Errorf("no room for the words of a large text: %w", err)
		}
		s.file = f
		// Without a name it goes when the process does, however that ends; where a
		// system does not allow this, close removes it.
		_ = os.Remove(f.Name())
	}
	for _, p := range s.mem {
		if err := s.write(p, s.at); err != nil {
			return err
		}
		s.at += int64(len(p))
	}
	s.clear()
	return nil
}

func (s *store) write(v []int32, at int64) error {
	s.buf = s.buf[:0]
	for _, x := range v {
		s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(x))
	}
	if _, err := s.file.WriteAt(s.buf, 4*at); err != nil {
		return fmt.Errorf("no room for the words of a large text: %w", err)
	}
	return nil
}

// flush ends the filling.
func (s *store) flush() error {
	if s.file == nil {
		return nil
	}
	return s.spill()
}

// renumber replaces each number by that of the list, and leaves those out whose
// is negative.
func (s *store) renumber(final []int32) error {
	if s.file == nil {
		kept := 0
		for _, p := range s.mem {
			for _, v := range p {
				if f := final[v]; f >= 0 {
					s.mem[kept/piece][kept%piece] = f // never beyond what was read
					kept++
				}
			}
		}
		used := (kept + piece - 1) / piece
		clear(s.mem[used:])
		if s.mem, s.n = s.mem[:used], int64(kept); used > 0 {
			s.mem[used-1] = s.mem[used-1][:kept-(used-1)*piece]
		}
		return nil
	}
	if err := s.spill(); err != nil {
		return err
	}
	in := make([]int32, piece)
	var kept int64
	for at := int64(0); at < s.n; {
		n, err := s.read(in, at)
		if err != nil {
			return err
		}
		at += int64(n)
		to := in[:0]
		for _, v := range in[:n] {
			if f := final[v]; f >= 0 {
				to = append(to, f)
			}
		}
		if err := s.write(to, kept); err != nil { // never beyond what was read
			return err
		}
		kept += int64(len(to))
	}
	s.n, s.at = kept, kept
	return nil
}

// readRoom is what the bytes of a file are read into.
var readRoom sync.Pool

// read fills into with the numbers from place at on and says how many there are.
func (s *store) read(into []int32, at int64) (int, error) {
	n := int(min(int64(len(into)), s.n-at))
	if n <= 0 {
		return 0, nil
	}
	if s.file == nil {
		for got := 0; got < n; {
			got += copy(into[got:n], s.mem[(at+int64(got))/piece][(at+int64(got))%piece:])
		}
		return n, nil
	}
	room, _ := readRoom.Get().(*[]byte)
	if room == nil || cap(*room) < 4*n {
		b := make([]byte, 4*n)
		room = &b
	}
	defer readRoom.Put(room)
	buf := (*room)[:4*n]
	if _, err := s.file.ReadAt(buf, 4*at); err != nil && err != io.EOF {
		return 0, fmt.Errorf("reading the words of the text back: %w", err)
	}
	for i := range n {
		into[i] = int32(binary.LittleEndian.Uint32(buf[4*i:]))
	}
	return n, nil
}

// close is for a text that could not be read.
func (s *store) close() error {
	if s.file == nil {
		return nil
	}
	_ = os.Remove(s.file.Name()) // where it could not be while it was open
	return s.file.Close()
}

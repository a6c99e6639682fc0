package text

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// store is a list of numbers, in memory as long as there are few of them and then
// in a file without a name. It is filled, renumbered once, and then read from any
// goroutine.
type store struct {
	memory int64 // numbers that are held in memory
	temp   string
	n      int64

	mem  []int32
	file *os.File // holds all but what is in mem
	at   int64    // numbers in file
}

// piece is how many numbers are written to the file at a time.
const piece = 1 << 16

func (s *store) add(v int32) error {
	if s.file == nil && s.n >= s.memory || s.file != nil && len(s.mem) >= piece {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.mem = append(s.mem, v)
	s.n++
	return nil
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
	buf := make([]byte, 0, 4*piece)
	for at := 0; at < len(s.mem); at += piece {
		part := s.mem[at:min(at+piece, len(s.mem))]
		if err := s.write(buf, part, s.at); err != nil {
			return err
		}
		s.at += int64(len(part))
	}
	s.mem = append(make([]int32, 0, piece), s.mem[:0]...)
	return nil
}

func (s *store) write(buf []byte, v []int32, at int64) error {
	for _, x := range v {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(x))
	}
	if _, err := s.file.WriteAt(buf, 4*at); err != nil {
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
		to := s.mem[:0]
		for _, v := range s.mem {
			if f := final[v]; f >= 0 {
				to = append(to, f)
			}
		}
		s.mem, s.n = to, int64(len(to))
		return nil
	}
	if err := s.spill(); err != nil {
		return err
	}
	in, buf := make([]int32, piece), make([]byte, 0, 4*piece)
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
		if err := s.write(buf, to, kept); err != nil { // never beyond what was read
			return err
		}
		kept += int64(len(to))
	}
	s.n, s.at = kept, kept
	return nil
}

// read fills into with the numbers from place at on and says how many there are.
func (s *store) read(into []int32, at int64) (int, error) {
	n := int(min(int64(len(into)), s.n-at))
	if n <= 0 {
		return 0, nil
	}
	if s.file == nil {
		return copy(into[:n], s.mem[at:]), nil
	}
	buf := make([]byte, 4*n)
	if _, err := s.file.ReadAt(buf, 4*at); err != nil && err != io.EOF {
		return 0, fmt.Errorf("reading the words of the text back: %w", err)
	}
	for i := range n {
		into[i] = int32(binary.LittleEndian.Uint32(buf[4*i:]))
	}
	return n, nil
}

func (s *store) close() error {
	if s.file == nil {
		return nil
	}
	_ = os.Remove(s.file.Name()) // where it could not be while it was open
	return s.file.Close()
}

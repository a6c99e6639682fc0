package data

import "unicode/utf8"

// Ngrams gives the parts of a word of least to most letters, the word being written
// with a < before it and a > after it, so that beginnings and ends are parts of their
// own; a single < or > is none. Each is told by its number from 0 to buckets-1, which
// several may share (Bojanowski et al. 2017, arXiv:1607.04606, section 3.2): the
// numbers are fastText's. There are at most MaxNgrams of them, those that begin first.
func Ngrams(word string, least, most, buckets int) []int32 {
	s := "<" + word + ">"
	var list []int32
	for from := 0; from < len(s); {
		_, first := utf8.DecodeRuneInString(s[from:])
		h, letters := uint32(2166136261), 0
		for at := from; at < len(s) && letters < most; {
			_, size := utf8.DecodeRuneInString(s[at:])
			for _, c := range []byte(s[at : at+size]) {
				h = (h ^ uint32(int8(c))) * 16777619 // FNV-1a, but for the sign of a byte, as fastText has it
			}
			at += size
			if letters++; letters < least || letters == 1 && (from == 0 || at == len(s)) {
				continue
			}
			if len(list) == MaxNgrams {
				return list
			}
			list = append(list, int32(h%uint32(buckets)))
		}
		from += first
	}
	return list
}

// MaxNgrams is the most parts of a word: all those of three to six letters of a word of
// more than thirty.
const MaxNgrams = 128

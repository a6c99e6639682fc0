package job

import (
	"fmt"
	"strings"
)

// keyLines says on which line of a valid TOML text each key and each table
// stands, by its full dotted name; the first line is 1. The TOML library knows
// the line of a syntax error only, and most faults of a run file are of another
// kind. Keys inside an inline table count as standing where the table does. Those of
// a list of tables have its items numbered from 0: variant[1].name.
func keyLines(src string) map[string]int {
	s := &lineScanner{src: src, line: 1}
	lines := map[string]int{}
	note := func(key string) {
		if _, known := lines[key]; !known {
			lines[key] = s.line
		}
	}
	table := ""
	items := map[string]int{} // of lists of tables, how many there were
	for s.blank(true); s.at < len(s.src); s.blank(true) {
		began := s.at
		if s.src[s.at] == '[' {
			opened := s.at
			for s.at < len(s.src) && s.src[s.at] == '[' {
				s.at++
			}
			list := s.at-opened == 2
			table = ""
			parts := s.key()
			for i, part := range parts {
				table = strings.TrimPrefix(table+"."+part, ".")
				if list && i == len(parts)-1 {
					note(table)
					items[table]++
				}
				if n := items[table]; n > 0 {
					table += fmt.Sprintf("[%d]", n-1)
				}
			}
			note(table)
			s.skipLine()
		} else {
			key := table
			for _, part := range s.key() {
				key = strings.TrimPrefix(key+"."+part, ".")
				note(key)
			}
			s.value()
		}
		if s.at == began { // a text that is no TOML must not hold the scan up
			s.at++
		}
	}
	return lines
}

type lineScanner struct {
	src  string
	at   int
	line int
}

// blank skips spaces and, where newlines is set, line ends and comments.
func (s *lineScanner) blank(newlines bool) {
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || c == '\r':
		case c == '\n' && newlines:
			s.line++
		case c == '#' && newlines:
			for s.at < len(s.src) && s.src[s.at] != '\n' {
				s.at++
			}
			continue
		default:
			return
		}
		s.at++
	}
}

func (s *lineScanner) skipLine() {
	for s.at < len(s.src) && s.src[s.at] != '\n' {
		s.at++
	}
}

// key reads a dotted key up to what follows it.
func (s *lineScanner) key() []string {
	var parts []string
	for {
		s.blank(false)
		if s.at < len(s.src) && (s.src[s.at] == '"' || s.src[s.at] == '\'') {
			parts = append(parts, s.quoted())
		} else {
			began := s.at
			for s.at < len(s.src) && !strings.ContainsRune(" \t\r\n.=]#", rune(s.src[s.at])) {
				s.at++
			}
			parts = append(parts, s.src[began:s.at])
		}
		s.blank(false)
		if s.at >= len(s.src) || s.src[s.at] != '.' {
			return parts
		}
		s.at++
	}
}

// value skips a value to the end of its line, through strings and lists that
// reach over several lines.
func (s *lineScanner) value() {
	depth := 0
	for s.at < len(s.src) {
		switch c := s.src[s.at]; c {
		case '"', '\'':
			s.quoted()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '#':
			s.skipLine()
			continue
		case '\n':
			if depth <= 0 {
				return
			}
			s.line++
		}
		s.at++
	}
}

// quoted skips a string of any of TOML's four kinds and returns its inside, with
// escapes as they stand.
func (s *lineScanner) quoted() string {
	quote := s.src[s.at : s.at+1]
	if long := strings.Repeat(quote, 3); strings.HasPrefix(s.src[s.at:], long) {
		quote = long
	}
	s.at += len(quote)
	began := s.at
	for s.at < len(s.src) {
		switch {
		case strings.HasPrefix(s.src[s.at:], quote):
			inside := s.src[began:s.at]
			s.at += len(quote)
			return inside
		case s.src[s.at] == '\\' && quote[0] == '"':
			s.at++
		}
		if s.at < len(s.src) && s.src[s.at] == '\n' {
			if len(quote) == 1 {
				return s.src[began:s.at]
			}
			s.line++
		}
		s.at++
	}
	return s.src[min(began, len(s.src)):]
}

// depth is how deep lists and inline tables of a text stand in each other, and how
// many parts its longest key has.
func depth(src string) int {
	s := &lineScanner{src: src, line: 1}
	deepest, nested, dots := 0, 0, 0
	for s.at < len(s.src) {
		switch s.src[s.at] {
		case '"', '\'':
			s.quoted()
			continue
		case '#':
			s.skipLine()
			continue
		case '[', '{':
			nested++
		case ']', '}':
			nested--
		case '.':
			dots++
		case '\n', '=', ',':
			dots = 0
		}
		deepest = max(deepest, nested, dots)
		s.at++
	}
	return deepest
}

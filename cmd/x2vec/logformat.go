package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
)

// plainLog writes a log line for people: the time, the level where it is not
// info, the message, then fields. Programs take --log-format json.
type plainLog struct{ layout string }

// Format implements logrus.Formatter.
func (p *plainLog) Format(e *logrus.Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(e.Time.Format(p.layout))
	b.WriteByte(' ')
	if e.Level != logrus.InfoLevel {
		b.WriteString(e.Level.String())
		b.WriteString(": ")
	}
	b.WriteString(strings.ReplaceAll(e.Message, "\n", "\n         "))
	var keys []string
	for k := range e.Data {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "  %s=%v", k, e.Data[k])
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

package job

import (
	"fmt"
	"strings"
)

// Resolved is the section [resolved] of a run's own run.toml: what the run was
// made with. It is written, not asked for; a run file that has it is read as if it
// had not.
type Resolved struct {
	Version     string `toml:"version"`      // of the program
	Go          string `toml:"go"`           // of the compiler
	Platform    string `toml:"platform"`     // operating system, processor
	Started     string `toml:"started"`      // when
	TrainSHA256 string `toml:"train_sha256"` // of the training data
	TestSHA256  string `toml:"test_sha256"`  // of the test data
	Shape       []int  `toml:"shape"`        // of an example
}

// String is the run file with every setting in it. Parse gives back the same File.
func (f *File) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed = %d\n", f.Seed)
	for _, s := range f.sections() {
		if s.name != "finetune" || f.Finetune.used() {
			write(&b, s)
		}
	}
	return b.String()
}

// With is String with a section [resolved].
func (f *File) With(r Resolved) string {
	var b strings.Builder
	b.WriteString(f.String())
	write(&b, section{"resolved", fieldsOf(&r)})
	return b.String()
}

// Section is one table of the run file with every setting in it.
func (f *File) Section(name string) string {
	var b strings.Builder
	for _, s := range f.sections() {
		if s.name == name {
			write(&b, s)
		}
	}
	return b.String()
}

func write(b *strings.Builder, s section) {
	fmt.Fprintf(b, "\n[%s]\n", s.name)
	for _, f := range s.fields {
		fmt.Fprintf(b, "%s = %s\n", f.name, literal(f.value))
	}
}

package job

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"x2vec/data"
	"x2vec/objectives"
)

// task is what the objective works on, as far as that is known before the data
// are read: the mean picture and the like are stood in for.
func (f *File) task(shape []int) objectives.Task {
	t := objectives.Task{Encoder: f.Encoder, Batch: max(1, f.Train.Batch), Seed: f.Seed, Unread: true}
	t.Spec.Name, t.Spec.Split, t.Spec.Shape = f.Data.Source, "train", shape
	if f.Data.Normalize != "unit" {
		t.Pixels.Mean = make([]float32, t.Spec.Size())
	}
	f.see(&t)
	return t
}

// see sets what the objective has its encoder see of pictures in colour.
func (f *File) see(t *objectives.Task) {
	if _, ok := f.Objective.(objectives.Colorless); ok && t.Spec.Image() && t.Spec.Shape[0] == 3 {
		t.Pixels.Lightness = true
	}
	if o, ok := f.Objective.(objectives.Foreseeing); ok && t.Spec.Clip() {
		t.Pixels.Past = max(1, o.PastFrames())
	}
}

// parts notes what encoder and objective say about the task. An objective may pass
// on what its encoder says, which then counts once.
func (s *source) parts(f *File, t objectives.Task) {
	s.component("objective", f.Objective.Check(t))
	before := slices.Clone(s.faults)
	s.component("encoder", t.Encoder.Check(t.Seen()))
	found := s.faults[len(before):]
	s.faults = before
	for _, fault := range found {
		if !slices.ContainsFunc(before, func(b Fault) bool { return b.Text == fault.Text }) {
			s.faults = append(s.faults, fault)
		}
	}
}

// keyed is an error that begins with the name of a setting.
var keyed = regexp.MustCompile(`^([a-z][a-z0-9_. ]*?)(\[\d+\])?: (.*)$`)

// component turns what a part says about its settings into faults. Its errors
// begin with the key, with or without the section; others are about the section.
func (s *source) component(section string, err error) {
	for i, e := range flatten(err) {
		if i == maxFaults {
			break
		}
		text := strings.ReplaceAll(e.Error(), "\n", " ")
		key := section
		if m := keyed.FindStringSubmatch(text); m != nil {
			if full, ok := s.setting(section, m[1]); ok {
				key, text = full, m[3]
				if m[2] != "" {
					text = "item " + m[2] + " " + text
				}
			}
		}
		s.fault(key, "%s", text)
	}
}

// supposed notes what encoder and objective say about their own settings where only the
// data tell what an example is like: what they say of every kind of example, and of a
// setting, is no fault of the data.
func (s *source) supposed(f *File) {
	before := slices.Clone(s.faults)
	var common Faults
	for i, t := range f.supposed() {
		s.faults = slices.Clone(before)
		s.parts(f, t)
		found := s.faults[len(before):]
		if i == 0 {
			common = slices.Clone(found)
			continue
		}
		common = slices.DeleteFunc(common, func(c Fault) bool {
			return !strings.Contains(c.Key, ".") || !slices.Contains(found, c)
		})
	}
	s.faults = append(before, common...)
}

// supposed are tasks of examples that differ in all that the data may turn out to be.
func (f *File) supposed() []objectives.Task {
	var list []objectives.Task
	if f.Data.isText() {
		for _, n := range []int{300, 5000} {
			words := make([]string, n)
			for i := range words {
				words[i] = strconv.Itoa(i)
			}
			t := f.task([]int{max(1, f.Data.Length)})
			t.Pixels, t.Spec.Words = objectives.Scaling{}, data.NewVocabulary(words, make([]int64, n))
			if n > 300 { // as a tokenizer has it
				t.Spec.Words.Inside = make([]bool, n)
			}
			list = append(list, t)
		}
		return list
	}
	for _, shape := range [][]int{{1, 28, 28}, {3, 32, 32}, {3, 64, 64}, {3, 224, 224}, {1, 512, 512}, {100}} {
		list = append(list, f.task(shape))
	}
	return list
}

// setting finds the full key that a part calls name: with its section or without,
// and where another section is meant (an objective that passes on what the encoder
// says), that one.
func (s *source) setting(section, name string) (string, bool) {
	name = strings.ReplaceAll(name, " ", "_")
	if renamed := map[string]string{"name": "source"}[name]; renamed != "" && section == "data" {
		name = renamed
	}
	all := s.keys()
	if slices.Contains(all, name) {
		return name, true
	}
	if full := section + "." + name; slices.Contains(all, full) {
		return full, true
	}
	for _, full := range all {
		if strings.HasSuffix(full, "."+name) {
			return full, true
		}
	}
	return "", false
}

// keys lists every setting there is, with its section.
func (s *source) keys() []string {
	if s.all == nil {
		f := defaults("")
		f.choose(&source{values: s.values})
		s.all = f.keys()
	}
	return s.all
}

func (f *File) keys() []string {
	list := []string{"seed"}
	for _, sec := range f.sections() {
		for _, field := range sec.fields {
			list = append(list, sec.name+"."+field.name)
		}
	}
	return list
}

// otherSection is where a key would belong that was put into the wrong section.
func otherSection(section, key string) string {
	s := &source{values: map[string]any{}}
	for _, full := range s.keys() {
		if strings.HasSuffix(full, "."+key) && !strings.HasPrefix(full, section+".") || full == key {
			return full
		}
	}
	return ""
}

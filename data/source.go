// Package data gives a trainer its examples: sources that hold them, a loader
// that orders, batches and prefetches them, and the formats they are read from.
//
// It knows nothing of graphs or of training. What a method makes of a batch
// (masks, views, pairs) is the method's own; the Loader only calls it, ahead of
// time and on its own goroutines.
package data

// A Spec says what one example of a Source is.
type Spec struct {
	// Name of the source, for logs and reports: "mnist", "shapes", a folder.
	Name string
	// Split is "train" or "test".
	Split string
	// Shape of one example: (C, H, W) for images, (F, C, H, W) for clips of F of them,
	// (D) for vectors, (T) for text.
	Shape []int
	// Words is the vocabulary where an example is a run of T words, nil elsewhere.
	Words *Vocabulary
	// Texts says of words that each example is a text of its own, and no run of words out
	// of a longer one.
	Texts bool
	// Codes is how many codes there are where an example is a grid of them, (H, W), as
	// another model makes of pictures; 0 elsewhere.
	Codes int
	// Captions say what the texts are like that go with the examples, one with each; nil
	// where there are none.
	Captions *Captions
	// Classes names the labels 0..len-1; empty where there are none.
	Classes []string
	// Factors names further targets that are known of every example (position,
	// size, colour …); each has its number of values, or 0 where it is continuous.
	Factors []Factor
	// Mean and Std are those of the training pixels over channels, scaled to
	// 0..1, where the source knows them; empty otherwise.
	Mean, Std []float32
}

// A Factor is one known cause of an example, beside its class.
type Factor struct {
	Name   string
	Values int      // how many values it takes; 0 = a real number
	Names  []string // of the values, where they have names
	// Mean and Std are those of a real number over the training examples, where the
	// source knows them; 0 otherwise.
	Mean, Std float64
}

// Size is the number of values of one example: the product of Shape.
func (s Spec) Size() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// Tokens reports whether an example consists of numbers of words or codes, and not of
// pixels.
func (s Spec) Tokens() bool { return s.Words != nil || s.Codes > 0 }

// Image reports whether an example is a picture of (C, H, W).
func (s Spec) Image() bool { return len(s.Shape) == 3 }

// Clip reports whether an example is a run of pictures, (F, C, H, W).
func (s Spec) Clip() bool { return len(s.Shape) == 4 }

// An Example is one item of a Source. Pixels has room for Spec.Size() bytes
// when Read is called, Factors for one value a factor; Read fills both. Where the
// Spec has words or codes there are no Pixels, and Tokens has room for Spec.Size() of
// them.
type Example struct {
	// Pixels are bytes in the order of Spec.Shape (C, H, W): 0 is black, 255 full.
	Pixels []byte
	// Tokens are words of the vocabulary by number, -1 after the end of the text; or
	// codes.
	Tokens []int32
	// Caption has room for Spec.Captions.Length tokens where the Spec has captions, and
	// Read fills it: words of their vocabulary by number, -1 after the end.
	Caption []int32
	// Label is the class, or -1 where there is none.
	Label int
	// Factors holds one value a factor of the Spec; NaN where it is not known.
	Factors []float32
}

// A Source is a finite set of examples in a fixed order.
//
// Read may be called from several goroutines at once and must give the same
// example for the same index every time: shuffling and augmentation belong to
// the Loader, which alone knows the seed and the epoch. The memory of the
// Example belongs to the caller.
type Source interface {
	Spec() Spec
	Len() int
	Read(index int, into *Example) error
}

// A Checksummer is a Source that can say which bytes it was read from; the sum
// is kept with a run, so that a resumed run notices other data.
type Checksummer interface {
	// Checksum is a hex SHA-256 over everything that determines the examples.
	Checksum() (string, error)
}

// A Filer is a Source each of whose examples is a file of its own.
type Filer interface {
	// File is the path of the file.
	File(index int) string
}

// FileOf is the path of an example's file, and whether it has one.
func FileOf(src Source, index int) (string, bool) {
	switch s := src.(type) {
	case *subset:
		return FileOf(s.src, s.index[index])
	case *chosen:
		return FileOf(s.src, s.index[index])
	}
	f, ok := src.(Filer)
	if !ok {
		return "", false
	}
	return f.File(index), true
}

// A Batch is what the Loader hands to a method's preparation: N examples one
// after the other, in the order in which they will be trained on.
type Batch struct {
	Spec    Spec
	Epoch   int
	Step    int       // of the run, from 0
	Index   []int     // (N) positions in the Source
	Pixels  []byte    // (N, C, H, W)
	Tokens  []int32   // (N, T)
	Caption []int32   // (N, Spec.Captions.Length)
	Labels  []int     // (N) -1 = none
	Factors []float32 // (N, len(Spec.Factors))
}

// N is the number of examples in the batch.
func (b *Batch) N() int { return len(b.Index) }

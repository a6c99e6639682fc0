package readers

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"x2vec/data"
)

// The binary version of CIFAR (A. Krizhevsky, www.cs.toronto.edu/~kriz/cifar.html):
// records of the label bytes (CIFAR-10: the class; CIFAR-100: the coarse and then
// the fine class) and 3072 bytes of pixels, red, green, blue, each row by row.
const cifarPixels = 3 * 32 * 32

type cifarSet struct {
	labels  int                 // bytes of labels a record
	files   map[string][]string // of a split, in order
	records int                 // most that one file may hold
	classes []string
	mean    []float32 // of the full training set
	std     []float32
	folder  string // in which the archive keeps the files
	archive string
	python  string // folder of the version that is not read
}

var cifarSets = map[string]cifarSet{
	"cifar10": {
		labels: 1, records: 10000,
		files: map[string][]string{
			"train": {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
			"test":  {"test_batch.bin"},
		},
		classes: strings.Fields("airplane automobile bird cat deer dog frog horse ship truck"),
		mean:    []float32{0.4914, 0.4822, 0.4465}, std: []float32{0.2470, 0.2435, 0.2616},
		folder: "cifar-10-batches-bin", archive: "cifar-10-binary.tar.gz", python: "cifar-10-batches-py",
	},
	"cifar100": {
		labels: 2, records: 50000,
		files:   map[string][]string{"train": {"train.bin"}, "test": {"test.bin"}},
		classes: cifar100Classes,
		mean:    []float32{0.5071, 0.4865, 0.4409}, std: []float32{0.2673, 0.2564, 0.2762},
		folder: "cifar-100-binary", archive: "cifar-100-binary.tar.gz", python: "cifar-100-python",
	},
}

// The classes of CIFAR-100 in the order of its fine_label_names.txt, and of
// coarse_label_names.txt.
var cifar100Classes = strings.Fields(`apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
	butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
	dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
	man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
	plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
	snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
	tulip turtle wardrobe whale willow_tree wolf woman worm`)

var cifar100Coarse = strings.Fields(`aquatic_mammals fish flowers food_containers fruit_and_vegetables
	household_electrical_devices household_furniture insects large_carnivores large_man-made_outdoor_things
	large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles
	small_mammals trees vehicles_1 vehicles_2`)

// openCIFAR reads one split from the folder of the binary version, from the
// folder around it, or from the archive as downloaded. Fewer training files than
// five are accepted, and o.Warn is told.
func openCIFAR(where string, o Options) (data.Source, error) {
	set := cifarSets[o.Name]
	batches, err := set.find(where, o.Split)
	if err != nil {
		return nil, err
	}
	pixels, labels, classes, err := set.unite(batches, o.Variant)
	if err != nil {
		return nil, err
	}
	if want := set.files[o.Split]; len(batches) < len(want) {
		o.warn("%s: %d of %d training files are there: %d images", where, len(batches), len(want), len(labels))
	}
	spec := data.Spec{Name: o.Name, Split: o.Split, Shape: []int{3, 32, 32}, Classes: classes, Mean: set.mean, Std: set.std}
	return newMemory(spec, pixels, labels), nil
}

// unite reads the records of all files, one after the other.
func (s cifarSet) unite(batches []batch, variant string) (pixels, labels []byte, classes []string, err error) {
	classes, label := s.classes, s.labels-1
	if variant == "coarse" {
		classes, label = cifar100Coarse, 0
	}
	var total int64
	for _, b := range batches {
		total += b.size
	}
	size := s.labels + cifarPixels
	pixels, labels = make([]byte, 0, total/int64(size)*cifarPixels), make([]byte, 0, total/int64(size))
	var scratch []byte // of one file, so that a set is not held twice
	for _, b := range batches {
		if scratch, err = b.load(scratch[:0]); err != nil {
			return nil, nil, nil, err
		}
		if len(scratch) == 0 || len(scratch)%size != 0 {
			return nil, nil, nil, fmt.Errorf("%s: has %d bytes, want a multiple of %d (a record); it is cut off or another format", b.name, len(scratch), size)
		}
		for at := 0; at < len(scratch); at += size {
			l := scratch[at+label]
			if int(l) >= len(classes) {
				return nil, nil, nil, fmt.Errorf("%s: label of record %d is %d, want 0 to %d; it is damaged or another format", b.name, at/size, l, len(classes)-1)
			}
			labels = append(labels, l)
			pixels = append(pixels, scratch[at+s.labels:at+size]...)
		}
	}
	return pixels, labels, classes, nil
}

// batch is one file of CIFAR. load appends its bytes to buf.
type batch struct {
	name string
	size int64
	load func(buf []byte) ([]byte, error)
}

// limit is the most bytes that one file may have.
func (s cifarSet) limit() int64 { return int64(s.records) * int64(s.labels+cifarPixels) }

func (s cifarSet) find(where, split string) ([]batch, error) {
	info, err := os.Stat(where)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return s.unpack(where, split)
	}
	for _, dir := range []string{where, filepath.Join(where, s.folder)} {
		var found []batch
		for _, name := range s.files[split] {
			b, err := s.file(filepath.Join(dir, name))
			if os.IsNotExist(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found = append(found, b)
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	if archive := filepath.Join(where, s.archive); exists(archive) {
		return s.unpack(archive, split)
	}
	if exists(filepath.Join(where, s.python)) || filepath.Base(where) == s.python {
		return nil, fmt.Errorf("%s: holds the Python version; the binary version (%s) is what is read", where, s.archive)
	}
	return nil, fmt.Errorf("%s: no %s, no %s and no %s in it; for a folder of pictures, data.source = \"folder\"", where, s.files[split][0], s.folder, s.archive)
}

func (s cifarSet) file(name string) (batch, error) {
	info, err := os.Stat(name)
	if err != nil {
		return batch{}, err
	}
	if info.Size() > s.limit() {
		return batch{}, fmt.Errorf("%s: has %d bytes, want at most %d (%d records)", name, info.Size(), s.limit(), s.records)
	}
	return batch{name, info.Size(), func(buf []byte) ([]byte, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readUpTo(f, buf, info.Size())
	}}, nil
}

// unpack takes the files of a split out of the archive.
func (s cifarSet) unpack(archive, split string) ([]batch, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := s.untar(archive, f, split)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no %s in it", archive, s.files[split][0])
	}
	return found, nil
}

func (s cifarSet) untar(archive string, f io.Reader, split string) ([]batch, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: is no gzip archive: %w", archive, cutOff(err))
	}
	byName := map[string]batch{}
	// More than the set and its text files is not it; a bomb ends here.
	for t := tar.NewReader(io.LimitReader(z, 10*s.limit()+1<<20)); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: is damaged: %w", archive, cutOff(err))
		}
		name := path.Base(h.Name)
		for _, want := range s.files[split] {
			if name != want || h.Typeflag != tar.TypeReg {
				continue
			}
			if h.Size > s.limit() {
				return nil, fmt.Errorf("%s: %s has %d bytes, want at most %d", archive, name, h.Size, s.limit())
			}
			b, err := readUpTo(t, make([]byte, 0, min(h.Size, 1<<20)), h.Size)
			if err != nil || int64(len(b)) < h.Size {
				return nil, fmt.Errorf("%s: %s in it is cut off after %d of %d bytes", archive, name, len(b), h.Size)
			}
			byName[name] = batch{archive + ": " + name, h.Size, func([]byte) ([]byte, error) { return b, nil }}
		}
	}
	var found []batch
	for _, name := range s.files[split] {
		if b, ok := byName[name]; ok {
			found = append(found, b)
		}
	}
	return found, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Package fetch downloads the original data sets from their homes.
package fetch

import (
	"fmt"
	"slices"
	"strings"

	"x2vec/data/naming"
)

// A Set is a data set that can be downloaded.
type Set struct {
	Name    string
	About   string
	Licence string
	Files   []File
}

// A File is one file of a Set. Its length and SHA-256 are those of the original;
// a file that differs is never put in place.
type File struct {
	Name   string
	Size   int64
	SHA256 string
	URLs   []string // its home first, then mirrors
}

// Size is the number of bytes of all files.
func (s Set) Size() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

// from gives files the address base + name, for each base.
func from(files []File, bases ...string) []File {
	for i := range files {
		for _, b := range bases {
			files[i].URLs = append(files[i].URLs, b+files[i].Name)
		}
	}
	return files
}

// Sets lists what Get knows. The sums of MNIST and Fashion-MNIST were taken from
// files that have the MD5 published with them; those of the others are the ones
// published by several independent programs that download them, beside the MD5
// on the sets' own pages.
func Sets() []Set {
	return []Set{
		{"mnist", "handwritten digits, 60,000 + 10,000 of 28x28 grey", "CC BY-SA 3.0 (Y. LeCun, C. Cortes)", from([]File{
			{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", nil},
			{"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", nil},
			{"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", nil},
			{"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", nil},
		}, "https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")},
		{"fashion-mnist", "clothes, 60,000 + 10,000 of 28x28 grey", "MIT (Zalando SE)", from([]File{
			{"train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", nil},
			{"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", nil},
			{"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", nil},
			{"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", nil},
		}, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/")},
		{"kmnist", "cursive Japanese, 60,000 + 10,000 of 28x28 grey", "CC BY-SA 4.0 (ROIS-DS Center for Open Data in the Humanities)", from([]File{
			{"train-images-idx3-ubyte.gz", 18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4", nil},
			{"train-labels-idx1-ubyte.gz", 29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17", nil},
			{"t10k-images-idx3-ubyte.gz", 3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5", nil},
			{"t10k-labels-idx1-ubyte.gz", 5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c", nil},
		}, "https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/")},
		{"emnist", "handwritten letters and digits, six variants of 28x28 grey", "none stated; cite Cohen et al. 2017", from([]File{
			{"gzip.zip", 561753746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e", nil},
		}, "https://biometrics.nist.gov/cs_links/EMNIST/", "http://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/")},
		{"cifar10", "50,000 + 10,000 photographs of 32x32, ten classes", "none stated; cite Krizhevsky 2009", from([]File{
			{"cifar-10-binary.tar.gz", 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", nil},
		}, "https://www.cs.toronto.edu/~kriz/")},
		{"cifar100", "50,000 + 10,000 photographs of 32x32, a hundred classes", "none stated; cite Krizhevsky 2009", from([]File{
			{"cifar-100-binary.tar.gz", 168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", nil},
		}, "https://www.cs.toronto.edu/~kriz/")},
		{"text8", "the first 100 MB of cleaned English Wikipedia text", "CC BY-SA 3.0 and GFDL (Wikipedia's authors; M. Mahoney)", from([]File{
			{"text8.zip", 31344016, "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232", nil},
		}, "https://mattmahoney.net/dc/", "http://mattmahoney.net/dc/")},
	}
}

// Find is the Set of that name, or an error that lists those that exist.
func Find(name string) (Set, error) {
	var known []string
	for _, s := range Sets() {
		if s.Name == name {
			return s, nil
		}
		known = append(known, s.Name)
	}
	slices.Sort(known)
	return Set{}, fmt.Errorf("no data set %q can be downloaded; there are %s%s", name, strings.Join(known, ", "), naming.Hint(name, known))
}

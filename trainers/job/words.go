package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/data/vectors"
	"x2vec/trainers"
)

// Words gives the word vectors of a run, those of its newest checkpoint, and the
// step of that.
func Words(folder string) (*vectors.Vectors, int, error) {
	path := filepath.Join(folder, VocabularyFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("%s: holds no word vectors: there is no %s", folder, VocabularyFile)
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	v, err := data.ReadVocabulary(file)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return nil, 0, err
	}
	snap, _, err := store.Latest()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", folder, err)
	}
	const name = "encoder/weight"
	for _, a := range snap.Weights {
		if a.Name != name {
			continue
		}
		if len(a.Shape) != 2 || a.Shape[0] != v.Len() || len(a.F32) != v.Len()*a.Shape[1] {
			return nil, 0, fmt.Errorf("%s: %s is %v, and %s has %d words", folder, name, a.Shape, VocabularyFile, v.Len())
		}
		words, err := vectors.New(v.Words, a.Shape[1], a.F32)
		return words, snap.State.Step, err
	}
	return nil, 0, fmt.Errorf("%s: the checkpoint of step %d has no %s", folder, snap.State.Step, name)
}

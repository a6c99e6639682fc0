package job

import (
	"fmt"

	"x2vec/checkpoints"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
)

// KeepDiscrete is Keep for all of the model of a run that learns discrete codes, with
// the objective that makes codes of examples and examples of codes: for
// trainers.EachCodes and trainers.DecodeCodes.
func KeepDiscrete(folder string, step int) (*Kept, objectives.Discrete, error) {
	return keepDiscrete(folder, step, func(*checkpoints.Snapshot) {})
}

// keepDiscrete shows the checkpoint to see, too.
func keepDiscrete(folder string, step int, see func(*checkpoints.Snapshot)) (*Kept, objectives.Discrete, error) {
	return keepModel[objectives.Discrete](folder, step, "learns no discrete codes; want one of vqvae", see)
}

// KeepDecoding is KeepDiscrete for a run whose code can be decoded: for
// trainers.EachLatent and trainers.DecodeLatents.
func KeepDecoding(folder string, step int) (*Kept, objectives.Decoding, error) {
	return KeepModel[objectives.Decoding](folder, step, "has no decoder that makes an example of a code; want one of autoencoder, pca or vqvae")
}

// KeepModel is Keep for all of the model of a run and its objective, which must be one
// that can do what O asks; otherwise says what it cannot do, and which can.
func KeepModel[O any](folder string, step int, otherwise string) (*Kept, O, error) {
	return keepModel[O](folder, step, otherwise, func(*checkpoints.Snapshot) {})
}

func keepModel[O any](folder string, step int, otherwise string, see func(*checkpoints.Snapshot)) (*Kept, O, error) {
	var o O
	k, err := keep(folder, step, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) {
		var ok bool
		if o, ok = k.File.Objective.(O); !ok {
			return nil, fmt.Errorf("is a run of %s, which %s", k.File.objectiveType, otherwise)
		}
		see(snap)
		return trainers.FrozenModel(k.Task, snap, func(t objectives.Task, s *graph.Scope) { k.File.Objective.Build(t, s) })
	})
	return k, o, err
}

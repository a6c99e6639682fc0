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
	var o objectives.Discrete
	k, err := keep(folder, step, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) {
		var ok bool
		if o, ok = k.File.Objective.(objectives.Discrete); !ok {
			return nil, fmt.Errorf("is a run of %s, which learns no discrete codes; want one of vqvae", k.File.objectiveType)
		}
		see(snap)
		return trainers.FrozenModel(k.Task, snap, func(t objectives.Task, s *graph.Scope) { o.Build(t, s) })
	})
	return k, o, err
}

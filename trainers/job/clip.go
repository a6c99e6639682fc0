package job

import (
	"fmt"

	"x2vec/checkpoints"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers"
)

// A Matcher is a model of pictures and texts (clip) that is kept by a run.
type Matcher struct {
	*Kept
	CLIP *objectives.CLIP
}

// KeepMatcher reads the model of pictures and texts of a run in a folder, from the
// checkpoint of a step or the newest.
func KeepMatcher(folder string, step int) (*Matcher, error) {
	m := &Matcher{}
	var err error
	m.Kept, err = keep(folder, step, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) {
		clip, ok := k.File.Objective.(*objectives.CLIP)
		if !ok {
			return nil, fmt.Errorf("its objective is %s; want clip, which learns from pictures with captions", k.File.objectiveType)
		}
		if k.Task.Spec.Captions == nil {
			return nil, fmt.Errorf("there is no %s", CaptionsFile)
		}
		m.CLIP = clip
		return trainers.FrozenModel(k.Task, snap, clip.Model)
	})
	return m, err
}

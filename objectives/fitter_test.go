package objectives_test

import (
	"testing"

	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

// Methods that are solved and not descended are held to the interface of all others.
func TestFitters(t *testing.T) {
	means := func(start string, restarts int) *objectives.KMeans {
		return &objectives.KMeans{Start: start, Restarts: restarts, Iterations: 20, Sample: 100, Memory: 1}
	}
	for name, c := range map[string]objectivetest.Case{
		"pca": {Objective: &objectives.PCA{}, Task: objectives.Task{Encoder: &nets.MLP{Code: 3, Activation: "relu"}}},
		"kmeans": {
			Objective: means("k-means++", 1), Task: objectives.Task{Encoder: &nets.Clusters{K: 4, Form: "distance"}},
			Refused: map[string]objectives.Objective{"restarts: is 0": means("random", 0), `start: is "far"`: means("far", 1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.Task.Batch, c.Task.Seed, c.Source = 8, 5, tiny(t)
			c.Steps, c.Rate, c.Fall = 100, 0.1, 0.9
			objectivetest.Run(t, c)
		})
	}
}

// Package checkpoints keeps the states of a training run on disk, so that a run
// which is stopped anywhere (also by kill -9, a power cut or a full disk) goes
// on from a whole state.
//
// A checkpoint is a folder of the run:
//
//	checkpoints/step-00001234/
//	  weights.safetensors    the model's parameters and buffers, by path
//	  optimizer.safetensors  the optimizer's state, where there is one
//	  extra.safetensors      averages of weights, codebooks …, where there are some
//	  state.json             step, epoch, position in the data, counters (State)
//	  manifest.json          version, time, metrics, and size and SHA-256 of each file
//
// weights.safetensors is an ordinary safetensors file with PyTorch's shapes,
// which other tools open as it is.
//
// A Store writes a checkpoint as .tmp-step-…, syncs every file and the folder,
// and renames it: a folder with the final name is whole or was damaged later,
// which its checksums tell. Where a step is written anew, the folder before it
// stands aside as .old-step-… until the new one is in place, and is found under
// that name if the program ends in between.
//
// One process at a time may write to a run; Acquire takes the run's lock.
// Readers need none.
package checkpoints

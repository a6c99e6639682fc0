package checkpoints

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The files of a checkpoint.
const (
	WeightsFile   = "weights.safetensors"
	OptimizerFile = "optimizer.safetensors"
	ExtraFile     = "extra.safetensors"
	StateFile     = "state.json"
	ManifestFile  = "manifest.json"
)

// maxManifest bounds manifest.json in bytes.
const maxManifest = 1 << 20

// A manifest is written last and vouches for the other files.
type manifest struct {
	Version int              `json:"version"`
	Program string           `json:"program"`
	Time    time.Time        `json:"time"`
	Step    int              `json:"step"`
	Metrics map[string]Float `json:"metrics,omitempty"`
	Files   []manifestFile   `json:"files"`
	// Sum is the SHA-256 of this manifest with an empty Sum.
	Sum string `json:"sum"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// encode is the content of manifest.json; it sets the Sum.
func (m *manifest) encode() ([]byte, error) {
	m.Sum = ""
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	m.Sum = hex.EncodeToString(sum[:])
	if b, err = json.MarshalIndent(m, "", "  "); err != nil {
		return nil, err
	}
	if len(b) >= maxManifest {
		return nil, fmt.Errorf("%d bytes, at most %d are kept; are there so many metrics?", len(b), maxManifest)
	}
	return append(b, '\n'), nil
}

// decodeManifest reads manifest.json and takes it only byte for byte as encode
// would write it, which holds its Sum and everything else.
func decodeManifest(b []byte) (*manifest, error) {
	if err := checkVersion(b); err != nil {
		return nil, err
	}
	m := new(manifest)
	if err := strictJSON(b, m); err != nil {
		return nil, err
	}
	again := *m
	if want, err := again.encode(); err != nil || !bytes.Equal(b, want) {
		return nil, errors.New("was changed after it was written: its own checksum does not fit")
	}
	if m.Step < 0 {
		return nil, fmt.Errorf("step is %d", m.Step)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		// Only known names: one out of a manifest must never lead elsewhere.
		if !slices.Contains([]string{WeightsFile, OptimizerFile, ExtraFile, StateFile}, f.Name) || seen[f.Name] {
			return nil, fmt.Errorf("lists %q, which is unknown or stands there twice", f.Name)
		}
		seen[f.Name] = true
		if f.Size < 0 || f.Name == StateFile && f.Size > maxState {
			return nil, fmt.Errorf("%s has %d bytes", f.Name, f.Size)
		}
	}
	for _, name := range []string{WeightsFile, StateFile} {
		if !seen[name] {
			return nil, fmt.Errorf("does not list %s", name)
		}
	}
	return m, nil
}

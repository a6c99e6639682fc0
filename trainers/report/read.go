package report

import (
	"bufio"
	"encoding/json"
	"os"
)

func readHistory(path string) (*history, error) {
	h := &history{curves: map[string][]point{}}
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		var m map[string]any
		if json.Unmarshal(s.Bytes(), &m) != nil {
			h.damaged++
			continue
		}
		step, _ := m["step"].(float64)
		if k, ok := m["event"].(string); ok {
			h.events = append(h.events, event{k, int(step), m})
			continue
		}
		for k, v := range m {
			if v, ok := v.(float64); ok && k != "step" && k != "epoch" && k != "samples" && k != "time" {
				h.curves[k] = append(h.curves[k], point{int(step), v, v * 0.93, v * 1.1})
			}
		}
		h.steps = int(step)
		h.epochs, _ = m["epoch"].(float64)
		h.samples, _ = m["samples"].(float64)
		h.seconds, _ = m["time"].(float64)
	}
	return h, s.Err()
}

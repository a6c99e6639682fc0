package vec

import "golang.org/x/sys/cpu"

// has says whether this machine can run the kernels of a path.
func has(p path) bool {
	switch p {
	case pathAVX512:
		// BMI2 for the masks of the tails.
		return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2
	case pathAVX2:
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA
	}
	return p == pathGo
}

// best returns the fastest path of this machine.
func best() path {
	for _, p := range []path{pathAVX512, pathAVX2} {
		if has(p) {
			return p
		}
	}
	return pathGo
}

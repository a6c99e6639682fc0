//go:build !amd64

package vec

func has(p path) bool { return p == pathGo }

func best() path { return pathGo }

//go:build !linux || !(amd64 || arm64)

package confine

import "errors"

// Limits says what the process keeps.
type Limits struct {
	Read, Write []int
	Memory      uint64
}

// Layers says which layers have been put on.
type Layers struct{ Landlock int }

// Apply fails: this system has no confinement that weir relies on.
func Apply(Limits) (Layers, error) {
	return Layers{}, errors.New("confinement needs Linux on amd64 or arm64")
}

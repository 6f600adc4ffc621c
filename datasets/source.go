package datasets

import (
	"embed"

	"weir/datasets/plan"
)

// The cell compiler checks cells against this source, so that what it knows of
// the vocabulary cannot be older than what runs.
//
//go:embed *.go
var source embed.FS

func init() { plan.Source["weir/datasets"] = source }

package plan

import (
	"embed"
	"io/fs"
)

//go:embed *.go
var source embed.FS

// Source is the source text of the vocabulary's packages by import path, for
// what checks and explains cells.
var Source = map[string]fs.FS{"weir/datasets/plan": source}

package install

import "embed"

// The stems of the names are the resources that Jupyter's front ends ask for.
//
//go:generate go run ./logo
//go:embed logo/logo-32x32.png logo/logo-64x64.png logo/logo-svg.svg
var logos embed.FS

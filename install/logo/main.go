// Command logo draws the PNGs of weir's logo from logo-svg.svg, so that the SVG
// is the only drawing. Run it with go generate in package install; it refuses
// any SVG but <path> elements with a six-digit fill and absolute M, L, C and Z.
package main

import (
	"bytes"
	"fmt"
	"image/png"
	"log"
	"os"
)

// sizes are those that Jupyter's front ends ask a kernelspec for.
var sizes = []int{32, 64}

func main() {
	log.SetFlags(0)
	svg, err := os.ReadFile("logo/logo-svg.svg")
	if err != nil {
		log.Fatal(err)
	}
	for _, size := range sizes {
		picture, err := render(svg, size)
		if err != nil {
			log.Fatal(err)
		}
		name := fmt.Sprintf("logo/logo-%dx%d.png", size, size)
		if err := os.WriteFile(name, picture, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// render draws svg as a PNG of size by size pixels.
func render(svg []byte, size int) ([]byte, error) {
	shapes, err := parse(svg)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	err = e.Encode(&b, draw(shapes, size))
	return b.Bytes(), err
}

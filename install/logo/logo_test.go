package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

func TestPicturesAreDrawnFromTheSVG(t *testing.T) {
	svg, err := os.ReadFile("logo-svg.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range sizes {
		name := fmt.Sprintf("logo-%dx%d.png", size, size)
		want, err := render(svg, size)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what logo-svg.svg draws (%v): run go generate in install", name, err)
		}
	}
}

func TestRefusesOtherDrawings(t *testing.T) {
	for name, path := range map[string]string{
		"a relative command":   `fill="#000000" d="M0 0 l1 1 Z"`,
		"a curve at the start": `fill="#000000" d="C0 0 1 1 2 2 Z"`,
		"half a point":         `fill="#000000" d="M0 0 L1 Z"`,
		"a named colour":       `fill="red" d="M0 0 L1 1 L0 1 Z"`,
	} {
		if _, err := render([]byte("<svg><path "+path+"/></svg>"), 32); err == nil {
			t.Errorf("%s was drawn", name)
		}
	}
}

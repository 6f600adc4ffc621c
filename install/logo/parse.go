package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/color"
	"strconv"
	"strings"
)

// side is the edge of the drawing's viewBox.
const side = 64

type point struct{ x, y float64 }

// shape is one filled outline, its curves already flattened.
type shape struct {
	fill    color.NRGBA
	outline []point
}

func parse(svg []byte) ([]shape, error) {
	var doc struct {
		Paths []struct {
			Fill string `xml:"fill,attr"`
			D    string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.NewDecoder(bytes.NewReader(svg)).Decode(&doc); err != nil {
		return nil, err
	}
	var shapes []shape
	for _, p := range doc.Paths {
		fill, err := parseFill(p.Fill)
		if err != nil {
			return nil, err
		}
		outline, err := parseOutline(p.D)
		if err != nil {
			return nil, err
		}
		shapes = append(shapes, shape{fill, outline})
	}
	return shapes, nil
}

func parseFill(s string) (color.NRGBA, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 24)
	if err != nil || len(s) != 7 {
		return color.NRGBA{}, fmt.Errorf("fill %q is not #rrggbb", s)
	}
	return color.NRGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}, nil
}

// parseOutline reads path data: the grammar of SVG 1.1, 8.3, cut down to one
// closed subpath of absolute commands.
func parseOutline(d string) ([]point, error) {
	for _, command := range "MLCZ" {
		d = strings.ReplaceAll(d, string(command), " "+string(command)+" ")
	}
	words := strings.Fields(d)
	var outline []point
	for len(words) > 0 {
		command := words[0]
		want, known := map[string]int{"M": 1, "L": 1, "C": 3, "Z": 0}[command]
		if !known {
			return nil, fmt.Errorf("path command %q is not one of M, L, C, Z", command)
		}
		points, err := parsePoints(words[1:], want)
		if err != nil {
			return nil, err
		}
		words = words[1+2*want:]
		if want == 3 {
			if len(outline) == 0 {
				return nil, errors.New("path data begins with a curve")
			}
			points = flatten(outline[len(outline)-1], points)
		}
		outline = append(outline, points...)
	}
	return outline, nil
}

func parsePoints(words []string, n int) ([]point, error) {
	if len(words) < 2*n {
		return nil, errors.New("path data ends early")
	}
	points := make([]point, n)
	for i := range points {
		x, errX := strconv.ParseFloat(words[2*i], 64)
		y, errY := strconv.ParseFloat(words[2*i+1], 64)
		if errX != nil || errY != nil {
			return nil, fmt.Errorf("path data holds %q %q for a point", words[2*i], words[2*i+1])
		}
		points[i] = point{x, y}
	}
	return points, nil
}

// flatten follows the cubic Bézier curve from a through the controls c[0] and
// c[1] to c[2].
func flatten(a point, c []point) []point {
	const steps = 24
	curve := make([]point, steps)
	for i := range curve {
		t := float64(i+1) / steps
		u := 1 - t
		k0, k1, k2, k3 := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
		curve[i] = point{
			k0*a.x + k1*c[0].x + k2*c[1].x + k3*c[2].x,
			k0*a.y + k1*c[0].y + k2*c[1].y + k3*c[2].y,
		}
	}
	return curve
}

package main

import (
	"image"
	imagedraw "image/draw"
	"slices"
)

// samples is how many points a pixel is tested at along each axis.
const samples = 16

func draw(shapes []shape, size int) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, size, size))
	for _, s := range shapes {
		colour := image.NewUniform(s.fill)
		imagedraw.DrawMask(picture, picture.Bounds(), colour, image.Point{}, coverage(s.outline, size), image.Point{}, imagedraw.Over)
	}
	return picture
}

// coverage says how much of each pixel lies within the outline.
func coverage(outline []point, size int) *image.Alpha {
	mask := image.NewAlpha(image.Rect(0, 0, size, size))
	hits := make([]int, size*size)
	scale := float64(size*samples) / side
	for row := range size * samples {
		xs := crossings(outline, (float64(row)+0.5)/scale)
		for i := 0; i+1 < len(xs); i += 2 {
			for column := range size * samples {
				if x := (float64(column) + 0.5) / scale; xs[i] <= x && x < xs[i+1] {
					hits[row/samples*size+column/samples]++
				}
			}
		}
	}
	for i, n := range hits {
		mask.Pix[i/size*mask.Stride+i%size] = uint8(n * 255 / (samples * samples))
	}
	return mask
}

// crossings are the x at which the closed outline meets the line at y, ascending.
func crossings(outline []point, y float64) []float64 {
	var xs []float64
	for i, b := range outline {
		a := outline[(i+len(outline)-1)%len(outline)]
		if (a.y <= y) != (b.y <= y) {
			xs = append(xs, a.x+(y-a.y)/(b.y-a.y)*(b.x-a.x))
		}
	}
	slices.Sort(xs)
	return xs
}

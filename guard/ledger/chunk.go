package ledger

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// chunkWords is the words of a chunk: 65,536 participants, so that one is a uint16.
const chunkWords = 1024

// Forms of a chunk.
const (
	nobody = iota
	few    // who is in it
	dense  // its words
	most   // who is not in it
)

// formOf is the shortest form of a chunk of so many words with so many participants.
func formOf(words, count int) byte {
	width := 64 * words
	switch {
	case count == 0:
		return nobody
	case 2+2*count < 8*words:
		return few
	case 2+2*(width-count) < 8*words:
		return most
	}
	return dense
}

func countOf(words []uint64) (n int) {
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

func appendChunk(b []byte, words []uint64) []byte {
	count := countOf(words)
	form := formOf(len(words), count)
	b = append(b, form)
	flip, listed := uint64(0), count
	switch form {
	case nobody:
		return b
	case dense:
		for _, w := range words {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return b
	case most:
		flip, listed = ^uint64(0), 64*len(words)-count
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(listed))
	for i, w := range words {
		for w ^= flip; w != 0; w &= w - 1 {
			b = binary.LittleEndian.AppendUint16(b, uint16(64*i+bits.TrailingZeros64(w)))
		}
	}
	return b
}

var errChunk = errors.New("a chunk is not in its shortest form")

// readChunk reads a chunk into words, which are 0, and returns what follows it.
func readChunk(words []uint64, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errChunk
	}
	form := b[0]
	b = b[1:]
	switch form {
	case nobody:
		return b, nil
	case dense:
		if len(b) < 8*len(words) {
			return nil, errChunk
		}
		for i := range words {
			words[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		if formOf(len(words), countOf(words)) != dense {
			return nil, errChunk
		}
		return b[8*len(words):], nil
	case few, most:
		return readList(words, b, form)
	}
	return nil, errChunk
}

func readList(words []uint64, b []byte, form byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, errChunk
	}
	n := int(binary.LittleEndian.Uint16(b))
	if b = b[2:]; len(b) < 2*n {
		return nil, errChunk
	}
	before := -1
	for i := range n {
		p := int(binary.LittleEndian.Uint16(b[2*i:]))
		if p <= before || p >= 64*len(words) {
			return nil, errChunk
		}
		words[p/64] |= 1 << (p % 64)
		before = p
	}
	count := n
	if form == most {
		for i := range words {
			words[i] = ^words[i]
		}
		count = 64*len(words) - n
	}
	if formOf(len(words), count) != form {
		return nil, errChunk
	}
	return b[2*n:], nil
}

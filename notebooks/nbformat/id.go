package nbformat

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// ids gives every cell of a notebook an id of its own.
type ids struct {
	required bool // as of nbformat 4.5
	taken    map[string]bool
}

func newIDs(minor int) *ids { return &ids{required: minor >= 5, taken: map[string]bool{}} }

// cellID is the schema's pattern for 4.5.
var cellID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// take takes the id out of a cell's members. Before 4.5 there is none by right.
func (s *ids) take(object map[string]any, i int, source string) (string, error) {
	id, _ := object["id"].(string)
	good := cellID.MatchString(id)
	switch {
	case s.required && !good:
		return "", errors.New("the cell has no id of 1 to 64 letters, digits, '-' and '_', as 4.5 requires")
	case s.required && s.taken[id]:
		return "", errors.New("the cell has the id of another cell")
	case !good || s.taken[id]:
		id = newID(i, source, s.taken)
	}
	s.taken[id] = true
	delete(object, "id")
	return id, nil
}

// newID is an id that is not taken. It follows from the cell, so that reading
// the same file twice gives the same notebook.
func newID(i int, source string, taken map[string]bool) string {
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", i, n, source))
		if id := hex.EncodeToString(sum[:4]); !taken[id] {
			return id
		}
	}
}

package curate

// keySet is the keys of a table's rows: a bit each, in pages, for keys lie close
// together in most tables.
type keySet struct {
	pages map[int64]*[pageKeys / 64]uint64
	page  *[pageKeys / 64]uint64 // the last one
	at    int64
}

const pageKeys = 1 << 16

func newKeySet() *keySet { return &keySet{pages: map[int64]*[pageKeys / 64]uint64{}} }

// add enters a key; it says whether it is new.
func (k *keySet) add(key int64) bool {
	n := key >> 16
	if k.page == nil || n != k.at {
		if k.page, k.at = k.pages[n], n; k.page == nil {
			k.page = new([pageKeys / 64]uint64)
			k.pages[n] = k.page
		}
	}
	word, bit := key&(pageKeys-1)>>6, uint64(1)<<(key&63)
	if k.page[word]&bit != 0 {
		return false
	}
	k.page[word] |= bit
	return true
}

package curate

// keySet is the keys of a table's rows: a bit each, in pages, for keys lie close
// together in most tables. Where they are found not to, they are held one by one,
// which takes some 16 bytes a key.
type keySet struct {
	pages  map[int64]*keyPage
	page   *keyPage // the last one
	at     int64
	count  int
	single map[int64]struct{} // nil as long as there are pages
}

type keyPage [pageKeys / 64]uint64

const (
	pageKeys  = 1 << 16
	manyPages = 1 << 12 // 32 MB, from which pages have to be worth their room
	fewKeys   = pageKeys / 128
)

func newKeySet() *keySet { return &keySet{pages: map[int64]*keyPage{}} }

// add enters a key; it says whether it is new.
func (k *keySet) add(key int64) bool {
	if k.single != nil {
		n := len(k.single)
		k.single[key] = struct{}{}
		return len(k.single) > n
	}
	n := key >> 16
	if k.page == nil || n != k.at {
		if k.page, k.at = k.pages[n], n; k.page == nil {
			if len(k.pages) >= manyPages && k.count/len(k.pages) < fewKeys {
				k.spread()
				return k.add(key)
			}
			k.page = new(keyPage)
			k.pages[n] = k.page
		}
	}
	word, bit := key&(pageKeys-1)>>6, uint64(1)<<(key&63)
	if k.page[word]&bit != 0 {
		return false
	}
	k.page[word] |= bit
	k.count++
	return true
}

// spread goes over from pages to single keys.
func (k *keySet) spread() {
	k.single = make(map[int64]struct{}, 2*k.count)
	for n, page := range k.pages {
		for word, bits := range page {
			for b := range 64 {
				if bits>>b&1 != 0 {
					k.single[n<<16+int64(word*64+b)] = struct{}{}
				}
			}
		}
	}
	k.pages, k.page = nil, nil
}

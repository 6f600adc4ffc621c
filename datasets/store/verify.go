package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A large file whose hash was found to be the manifest's is remembered in the
// user's cache directory (weir/verified.json), so that opening it again does not
// read all of it. It is read whole again when anything is different of what the
// file system says of it, and when a week has passed: a disk that loses bits
// changes no time stamp. ctime is part of that, for unlike mtime nobody but the
// kernel sets it.
const (
	rememberedBytes = 16 << 20
	recheckAfter    = 7 * 24 * time.Hour
)

// seal is what the file system says of a file.
type seal struct {
	Device uint64    `json:"device"`
	Inode  uint64    `json:"inode"`
	Bytes  int64     `json:"bytes"`
	MTime  int64     `json:"mtime"` // nanoseconds
	CTime  int64     `json:"ctime"`
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
}

// verify reads the file unless it is remembered as what the manifest says.
func verify(f *os.File, want File) error {
	now, err := sealOf(f, want)
	if err != nil {
		return err
	}
	if now.Bytes != want.Bytes || want.Bytes == 0 {
		return fmt.Errorf("%d bytes where the manifest says %d", now.Bytes, want.Bytes)
	}
	path, err := filepath.Abs(f.Name())
	if err != nil {
		return err
	}
	if want.Bytes >= rememberedBytes && remembered(path, now) {
		return nil
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, f, make([]byte, 1<<20)); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("its SHA-256 is not the manifest's")
	}
	if want.Bytes >= rememberedBytes {
		remember(path, now)
	}
	return nil
}

func sealOf(f *os.File, want File) (seal, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return seal{}, err
	}
	return seal{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano(), want.SHA256, time.Now().UTC()}, nil
}

var notes sync.Mutex

// memoryFile is where verified files are remembered, "" when there is no such place.
func memoryFile() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "weir", "verified.json")
}

// recall reads what is remembered; a file that cannot be read is nothing.
func recall() map[string]seal {
	out := map[string]seal{}
	text, err := os.ReadFile(memoryFile())
	if err != nil || json.Unmarshal(text, &out) != nil {
		return map[string]seal{}
	}
	return out
}

func remembered(path string, now seal) bool {
	notes.Lock()
	defer notes.Unlock()
	then, ok := recall()[path]
	age := now.At.Sub(then.At)
	then.At = now.At
	return ok && then == now && age >= 0 && age < recheckAfter
}

// remember notes a file. That it fails costs no more than reading the file again.
func remember(path string, now seal) {
	notes.Lock()
	defer notes.Unlock()
	file := memoryFile()
	if file == "" || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	all := recall()
	for p, s := range all {
		if now.At.Sub(s.At) > recheckAfter {
			delete(all, p)
		}
	}
	all[path] = now
	text, err := json.Marshal(all)
	if err != nil {
		return
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "verified-")
	if err != nil {
		return
	}
	_, err = temp.Write(text)
	if closing := temp.Close(); err != nil || closing != nil || os.Rename(temp.Name(), file) != nil {
		os.Remove(temp.Name())
	}
}

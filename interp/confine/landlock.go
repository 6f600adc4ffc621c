//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlockRights are the rights that each ABI version added, as masks of the
// fields of struct landlock_ruleset_attr (linux/landlock.h). A ruleset that
// handles a right and grants it nowhere denies it.
var landlockRights = []struct {
	abi             int
	fs, net, scoped uint64
}{
	{1, 1<<13 - 1, 0, 0},
	{2, 1 << 13, 0, 0},
	{3, 1 << 14, 0, 0},
	{4, 0, 3, 0},
	{5, 1 << 15, 0, 0},
	{6, 0, 0, 3},
}

const landlockVersionFlag = 1

// landlock denies all that the kernel's version can deny. It returns 0 where the
// kernel has no Landlock: seccomp stands without it.
func landlock() (abi int, err error) {
	v, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, landlockVersionFlag)
	if errno == unix.ENOSYS || errno == unix.EOPNOTSUPP {
		return 0, nil
	}
	if errno != 0 {
		return 0, errno
	}
	abi = int(v)
	var attr [3]uint64
	size := uintptr(8)
	for _, r := range landlockRights {
		if r.abi > abi {
			break
		}
		attr[0], attr[1], attr[2] = attr[0]|r.fs, attr[1]|r.net, attr[2]|r.scoped
		switch {
		case attr[2] != 0:
			size = 24
		case attr[1] != 0:
			size = 16
		}
	}
	fd, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return abi, errno
	}
	defer syscall.Close(int(fd))
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return abi, errno
	}
	return abi, nil
}

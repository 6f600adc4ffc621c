//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits says what the process keeps.
type Limits struct {
	Read   []int  // descriptors that may be read
	Write  []int  // descriptors that may be written
	Memory uint64 // bytes of data segment and anonymous memory (RLIMIT_DATA); at least 96 MiB
}

// Layers says which of the layers that a kernel may lack have been put on.
type Layers struct {
	Landlock int // ABI version, 0 when the kernel has none
}

// Apply confines the whole process. On an error the process is in an undefined
// state between free and confined and must exit.
func Apply(l Limits) (Layers, error) {
	own, err := runtimeDescriptors()
	if err != nil {
		return Layers{}, err
	}
	keep := slices.Concat(l.Read, l.Write, own)
	steps := []struct {
		what string
		do   func() error
	}{
		{"close descriptors", func() error { return closeExcept(keep) }},
		{"limit resources", func() error { return limit(l.Memory) }},
		{"forbid inspection", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }},
		{"forbid new privileges", forbidPrivileges},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return Layers{}, fmt.Errorf("confinement: %s: %w", s.what, err)
		}
	}
	abi, err := landlock()
	if err != nil {
		return Layers{}, fmt.Errorf("confinement: landlock: %w", err)
	}
	read, write := append(slices.Clone(l.Read), own...), append(slices.Clone(l.Write), own...)
	if err := seccomp(filter(read, write, os.Getpid())); err != nil {
		return Layers{}, fmt.Errorf("confinement: seccomp: %w", err)
	}
	return Layers{Landlock: abi}, nil
}

// runtimeDescriptors makes the Go runtime open its epoll and event descriptors
// now: it could not afterwards, and would throw. A timer and a pipe do that.
func runtimeDescriptors() ([]int, error) {
	<-time.After(time.Microsecond)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	var own []int
	for _, e := range entries {
		target, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]" {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				return nil, err
			}
			own = append(own, fd)
		}
	}
	return own, nil
}

func closeExcept(keep []int) error {
	slices.Sort(keep)
	low := 0
	for _, fd := range slices.Compact(keep) {
		if fd > low {
			if err := unix.CloseRange(uint(low), uint(fd-1), 0); err != nil {
				return err
			}
		}
		low = fd + 1
	}
	return unix.CloseRange(uint(low), ^uint(0)>>33, 0)
}

const leastMemory = 96 << 20 // below it the Go runtime does not start threads

func limit(memory uint64) error {
	limits := map[int]uint64{
		unix.RLIMIT_CORE:     0,
		unix.RLIMIT_FSIZE:    0,
		unix.RLIMIT_MEMLOCK:  0,
		unix.RLIMIT_MSGQUEUE: 0,
		unix.RLIMIT_DATA:     max(memory, leastMemory),
	}
	for resource, value := range limits {
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return err
		}
	}
	return nil
}

// forbidPrivileges sets no_new_privs on every thread; seccomp and Landlock ask for it.
func forbidPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

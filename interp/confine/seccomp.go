//go:build linux && (amd64 || arm64)

package confine

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter is a classic BPF program over struct seccomp_data (linux/seccomp.h):
// {nr int32, arch uint32, instruction_pointer uint64, args [6]uint64}.
const (
	offsetNr   = 0
	offsetArch = 4
	offsetArgs = 16 // low word of args[i] at 16+8i: both architectures are little endian
)

// Verdicts of a filter.
const (
	allow = unix.SECCOMP_RET_ALLOW
	kill  = unix.SECCOMP_RET_KILL_PROCESS
	deny  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	nosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// always is what the Go runtime needs after start, whatever the arguments.
var always = []uint32{
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME,
	unix.SYS_SCHED_YIELD, unix.SYS_MADVISE, unix.SYS_MUNMAP,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_RESTART_SYSCALL,
	unix.SYS_CLOSE, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_GETRANDOM, unix.SYS_SCHED_GETAFFINITY,
}

// never is what nothing here has a reason to try: the process ends.
var never = []uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_MOUNT, unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_KEYCTL, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_PIDFD_GETFD, unix.SYS_INIT_MODULE,
}

// threadFlags is what runtime.newosproc passes to clone; CLONE_SETTLS is added on amd64.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD

const prSetVMA = 0x53564d41 // the runtime names its memory

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}
func arg(i uint32) unix.SockFilter { return load(offsetArgs + 8*i) }
func ret(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
func mask(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: k}
}

// ifEqual runs the next instruction when the accumulator is k, and skips it otherwise.
func ifEqual(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: k}
}

// ifAny runs the next instruction when a bit of k is set.
func ifAny(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: k}
}

// filter is the program for a process with this pid and these descriptors.
func filter(read, write []int, pid int) []unix.SockFilter {
	p := []unix.SockFilter{
		load(offsetArch), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: auditArch}, ret(kill),
		load(offsetNr),
		// The x32 system calls of amd64 have this bit; arm64 has none so high.
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: 0x40000000}, ret(kill),
	}
	// on runs body, which ends in a verdict, for one system call.
	on := func(nr uint32, body ...unix.SockFilter) {
		p = append(p, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(len(body)), K: nr})
		p = append(p, body...)
	}
	only := func(i uint32, otherwise uint32, values ...uint32) []unix.SockFilter {
		body := []unix.SockFilter{arg(i)}
		for _, v := range values {
			body = append(body, ifEqual(v), ret(allow))
		}
		return append(body, ret(otherwise))
	}
	on(unix.SYS_READ, only(0, deny, words(read)...)...)
	on(unix.SYS_WRITE, only(0, deny, words(write)...)...)
	for _, nr := range always {
		on(nr, ret(allow))
	}
	on(unix.SYS_MMAP, // private anonymous memory that cannot be executed
		arg(2), ifAny(unix.PROT_EXEC), ret(kill),
		arg(3), ifAny(unix.MAP_SHARED), ret(deny),
		ifAny(unix.MAP_ANONYMOUS), ret(allow), ret(deny))
	on(unix.SYS_MPROTECT, arg(2), ifAny(unix.PROT_EXEC), ret(kill), ret(allow))
	on(unix.SYS_CLONE, append([]unix.SockFilter{arg(0), mask(^uint32(unix.CLONE_SETTLS))}, ifEqual(threadFlags), ret(allow), ret(kill))...)
	on(unix.SYS_CLONE3, ret(nosys))
	on(unix.SYS_TGKILL, only(0, deny, uint32(pid))...)
	on(unix.SYS_PRCTL, only(0, deny, prSetVMA)...)
	on(unix.SYS_FCNTL, only(1, deny, unix.F_GETFD, unix.F_GETFL)...)
	for _, nr := range never {
		on(nr, ret(kill))
	}
	return append(p, ret(deny))
}

func words(fds []int) []uint32 {
	out := make([]uint32, len(fds))
	for i, fd := range fds {
		out[i] = uint32(fd)
	}
	return out
}

// seccomp installs the filter on every thread of the process.
func seccomp(program []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	tid, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	if tid != 0 {
		return fmt.Errorf("thread %d could not be brought under the filter", tid)
	}
	return nil
}

//go:build linux && (amd64 || arm64)

package confine

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempts are what a confined process tries; each says what became of it.
var attempts = []struct {
	name string
	want string // "killed", or the error
	try  func() error
}{
	{"open a file", "operation not permitted", func() error { _, err := os.Open("/etc/passwd"); return err }},
	{"create a file", "operation not permitted", func() error { return os.WriteFile("/tmp/confined", nil, 0o600) }},
	{"list a directory", "operation not permitted", func() error { _, err := os.ReadDir("/"); return err }},
	{"status of a file", "operation not permitted", func() error { _, err := os.Stat("/etc/passwd"); return err }},
	{"connect over TCP", "operation not permitted", func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return err }},
	{"connect to a Unix socket", "operation not permitted", func() error { _, err := net.Dial("unix", "/run/x"); return err }},
	{"listen", "operation not permitted", func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err }},
	{"a socket pair", "operation not permitted", func() error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err }},
	{"signal the parent", "operation not permitted", func() error { return syscall.Kill(os.Getppid(), 0) }},
	{"signal a thread of another", "operation not permitted", func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }},
	{"write to a descriptor not given", "operation not permitted", func() error { _, err := syscall.Write(7, []byte("x")); return err }},
	{"read from standard output", "operation not permitted", func() error { _, err := syscall.Read(1, make([]byte, 1)); return err }},
	{"share memory", "operation not permitted", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
		return err
	}},
	{"a memory file", "operation not permitted", func() error { _, err := unix.MemfdCreate("x", 0); return err }},
	{"duplicate a descriptor", "operation not permitted", func() error { _, err := syscall.Dup(1); return err }},
	{"raise a limit", "operation not permitted", func() error {
		return unix.Prlimit(0, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: 1}, nil)
	}},
	{"become dumpable", "operation not permitted", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{"the system's name", "operation not permitted", func() error { return unix.Uname(new(unix.Utsname)) }},
	{"the hostname's namespace", "killed", func() error { return unix.Unshare(unix.CLONE_NEWUTS) }},
	{"execute", "killed", func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) }},
	{"executable memory", "killed", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	}},
	{"trace the parent", "killed", func() error { return unix.PtraceAttach(os.Getppid()) }},
	{"read the parent's memory", "killed", func() error {
		b := make([]byte, 8)
		_, err := unix.ProcessVMReadv(os.Getppid(), []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: 1 << 20, Len: 8}}, 0)
		return err
	}},
	{"a process of its own", "killed", func() error {
		_, _, e := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		return errno(e)
	}},
	{"clone3", "function not implemented", func() error {
		args := [11]uint64{}
		_, _, e := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
		return errno(e)
	}},
	{"io_uring", "killed", func() error {
		_, _, e := syscall.RawSyscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		return errno(e)
	}},
	{"compute, start threads, collect garbage", "", func() error {
		done := make(chan int)
		for i := range 8 {
			go func() {
				runtime.LockOSThread()
				x := 0
				for j := range 1_000_000 {
					x += i * j
				}
				done <- x
			}()
		}
		for range 8 {
			<-done
		}
		runtime.GC()
		return nil
	}},
}

func errno(e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

// TestMain is also the process that is confined and makes one attempt.
func TestMain(m *testing.M) {
	name := os.Getenv("CONFINED_ATTEMPT")
	if name == "" {
		os.Exit(m.Run())
	}
	if _, err := Apply(Limits{Read: []int{0}, Write: []int{1, 2}, Memory: 512 << 20}); err != nil {
		fmt.Println("not confined:", err)
		os.Exit(3)
	}
	if name == "wait" {
		fmt.Println("confined")
		os.Stdin.Read(make([]byte, 1))
	}
	for _, a := range attempts {
		if a.name == name {
			err := a.try()
			fmt.Println("attempted:", err)
		}
	}
	os.Exit(0)
}

func TestAttempts(t *testing.T) {
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			c := exec.Command(os.Args[0])
			c.Env = []string{"CONFINED_ATTEMPT=" + a.name}
			c.ExtraFiles = []*os.File{os.Stderr, os.Stderr, os.Stderr, os.Stderr, os.Stderr} // 3 to 7: to be closed
			out, err := c.CombinedOutput()
			got, _, _ := strings.Cut(string(out), "\n")
			state := c.ProcessState.String()
			switch {
			case a.want == "killed":
				if !strings.Contains(state, "bad system call") {
					t.Errorf("it lives: %s, %q", state, got)
				}
			case a.want == "":
				if err != nil || got != "attempted: <nil>" {
					t.Errorf("%s, %q", state, got)
				}
			case !strings.HasSuffix(got, a.want):
				t.Errorf("got %q (%s), want %q", got, state, a.want)
			}
		})
	}
}

// TestInspection: another process of the same user that is not root could read the
// memory of one that is dumpable; /proc shows it as root's then.
func TestInspection(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = []string{"CONFINED_ATTEMPT=wait"}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "confined\n" {
		t.Fatalf("%q, %v", line, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("/proc/PID/status has no %q", want)
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", c.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Max core file size        0 ", "Max file size             0 ", "Max data size             536870912 "} {
		if !strings.Contains(string(limits), want) {
			t.Errorf("/proc/PID/limits has no %q:\n%s", want, limits)
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", c.Process.Pid, fd.Name()))
		if !strings.HasPrefix(target, "pipe:") && !strings.HasPrefix(target, "anon_inode:") && target != "/dev/null" {
			t.Errorf("descriptor %s is open on %s", fd.Name(), target)
		}
	}
}

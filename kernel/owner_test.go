package kernel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readAsSubscriber prints how many octets a subscriber gets.
func readAsSubscriber(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Println(err)
		return
	}
	conn.Write(append(greet("SUB"), frame(0, []byte{1})...))
	conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	b, _ := io.ReadAll(conn)
	fmt.Println(len(b), "octets")
}

// A user of the machine other than the kernel's cannot read what it publishes.
func TestOtherUsers(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("only root, on Linux, can start a process of another user")
	}
	binary := copyForOthers(t)
	for _, ip := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		log := captureLog(t)
		k, _ := start(t, scripted{}, nil)
		if ip == "::1" {
			if k = overIPv6(t); k == nil {
				continue
			}
		}
		address := net.JoinHostPort(ip, itoa(k.file.IOPub))
		for uid, want := range map[uint32]bool{0: true, 65534: false} {
			cmd := exec.Command(binary)
			cmd.Env = append(os.Environ(), dialEnv+"="+address)
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := string(out) != "0 octets\n"; got != want {
				t.Errorf("user %d reads %s from %s", uid, strings.TrimSpace(string(out)), ip)
			}
		}
		if !strings.Contains(log.String(), string(errOwner)) {
			t.Errorf("%s: nothing was logged", ip)
		}
	}
}

// overIPv6 starts a kernel on ::1, or returns nil where there is no IPv6.
func overIPv6(t *testing.T) *kernel {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return nil
	}
	l.Close()
	k, err := newKernel(t.Context(), writeConnectionFile(t, fields{"ip": "::1"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	k.executor = scripted{}
	served := make(chan error, 1)
	go func() { served <- k.serve() }()
	t.Cleanup(func() { k.stop(ErrShutdown); <-served })
	return k
}

// copyForOthers is this test binary where everybody can run it.
func copyForOthers(t *testing.T) string {
	dir, err := os.MkdirTemp("", "weir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := dir + "/client"
	if err := errors.Join(os.WriteFile(binary, b, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return binary
}

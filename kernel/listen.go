package kernel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// maxSocketPath is what fits into sockaddr_un beside the final zero, unix(7).
const maxSocketPath = 107

// listen opens the socket with the given port, for ipc the number after the dash.
func (f *ConnectionFile) listen(port int) (net.Listener, error) {
	if f.Transport == "ipc" {
		return listenUnix(f.IP + "-" + strconv.Itoa(port))
	}
	l, err := net.Listen("tcp", net.JoinHostPort(f.IP, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken by another process; start the kernel again, Jupyter then chooses other ports (%w)", port, err)
	}
	return l, err
}

func listenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the socket's path %s is longer than %d bytes; set KernelManager.ip to a shorter one", path, maxSocketPath)
	}
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && removeStale(path) {
		l, err = net.Listen("unix", path)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s exists and is in use; end the kernel that uses it", path)
	}
	return l, err
}

// removeStale removes a socket that nobody listens on, as a killed kernel leaves
// it, and reports whether it did.
func removeStale(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED) && os.Remove(path) == nil
}

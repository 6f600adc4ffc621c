package kernel

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ConnectionFile says where a kernel listens and how messages are signed. Jupyter
// writes it, one JSON object, and names it on the kernel's command line:
//
//	{
//	  "transport": "tcp",
//	  "ip": "127.0.0.1",
//	  "shell_port": 53794,
//	  "iopub_port": 53795,
//	  "stdin_port": 53796,
//	  "control_port": 53797,
//	  "hb_port": 53798,
//	  "signature_scheme": "hmac-sha256",
//	  "key": "a0436f6c-1916498bb8eb9e81ab9368e84"
//	}
//
// With transport ipc, ip is a path and the sockets are ip-1, ip-2 and so on.
// Members that are not named here are ignored, as the protocol asks; those that
// ask for encryption are refused.
type ConnectionFile struct {
	Transport                               string // "tcp" or "ipc"
	IP                                      string
	Shell, IOPub, Stdin, Control, Heartbeat int
	Key                                     []byte // at least 32 octets
}

// String leaves the key out.
func (f ConnectionFile) String() string {
	return fmt.Sprintf("%s %s shell %d iopub %d stdin %d control %d heartbeat %d",
		f.Transport, f.IP, f.Shell, f.IOPub, f.Stdin, f.Control, f.Heartbeat)
}

const (
	connectionFileLimit = 64 << 10
	keyLength           = 32 // of HMAC-SHA256's output; a shorter key is weaker, RFC 2104
)

// ReadConnectionFile reads and checks the file at path. It must be a regular file
// of this user or root that nobody else can read or write, because it holds the
// key with which every request is signed.
func ReadConnectionFile(path string, opts ...Option) (*ConnectionFile, error) {
	f, err := readConnectionFile(path, newOptions(opts))
	if err != nil {
		return nil, fmt.Errorf("connection file %s: %w", path, err)
	}
	return f, nil
}

func readConnectionFile(path string, o options) (*ConnectionFile, error) {
	b, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	f, err := parseConnectionFile(b)
	if err != nil {
		return nil, err
	}
	if f.Transport == "ipc" {
		return f, f.checkDirectory()
	}
	return f, f.checkAddress(o.anyAddress)
}

// readPrivate reads a file after checking the descriptor that it reads from, so
// that nobody can exchange the file in between.
func readPrivate(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, errors.New("it is a symbolic link; name the file that it points to")
	case err != nil:
		return nil, fmt.Errorf("%w; name the file that Jupyter wrote for this kernel", errors.Unwrap(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file; name the file that Jupyter wrote for this kernel")
	}
	if err := checkPrivate(info, path, 0o600); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(file, connectionFileLimit+1))
	if err != nil {
		return nil, err
	}
	if len(b) > connectionFileLimit {
		return nil, fmt.Errorf("it is longer than %d bytes; name the file that Jupyter wrote for this kernel", connectionFileLimit)
	}
	return b, nil
}

// checkPrivate refuses what another user than this one or root owns or can use.
// The remedy that it names makes the mode want.
func checkPrivate(info os.FileInfo, path string, want os.FileMode) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("its owner cannot be told on this system; run the kernel on Linux")
	}
	if uid := uint32(os.Geteuid()); stat.Uid != uid && stat.Uid != 0 {
		return fmt.Errorf("it belongs to user %d and the kernel runs as user %d; start the kernel as its owner", stat.Uid, uid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("its mode %04o lets other users in; run: chmod %o %s", mode, want, path)
	}
	return nil
}

func parseConnectionFile(b []byte) (*ConnectionFile, error) {
	o, err := parseObject(b)
	if err != nil {
		return nil, fmt.Errorf("it is %w; let Jupyter write it anew", err)
	}
	var f ConnectionFile
	var key, scheme string
	for _, text := range []struct {
		name string
		to   *string
	}{{"transport", &f.Transport}, {"ip", &f.IP}, {"key", &key}, {"signature_scheme", &scheme}} {
		if *text.to, err = member(o, text.name, ""); err != nil {
			return nil, fmt.Errorf("%w, a string; let Jupyter write it anew", err)
		}
	}
	f.Key = []byte(key)
	switch {
	case f.Transport != "tcp" && f.Transport != "ipc":
		return nil, fmt.Errorf("transport is %q and must be tcp or ipc; set KernelManager.transport", f.Transport)
	case f.IP == "":
		return nil, errors.New("ip is empty; set KernelManager.ip")
	case scheme != "hmac-sha256":
		return nil, fmt.Errorf("signature_scheme is %q and must be hmac-sha256; set Session.signature_scheme", scheme)
	case key == "":
		return nil, errors.New("key is empty, which would let anybody run cells; set Session.key to at least 32 random bytes")
	case len(key) < keyLength:
		return nil, fmt.Errorf("key has %d bytes and must have at least %d; set Session.key", len(key), keyLength)
	case o.has("curve_publickey") || o.has("curve_secretkey"):
		return nil, errors.New("it asks for CURVE encryption, which this kernel does not speak; set KernelManager.transport to ipc instead")
	}
	return &f, f.parsePorts(o)
}

func (f *ConnectionFile) parsePorts(o object) error {
	seen := map[int]string{}
	for _, port := range []struct {
		name string
		to   *int
	}{
		{"shell_port", &f.Shell}, {"iopub_port", &f.IOPub}, {"stdin_port", &f.Stdin},
		{"control_port", &f.Control}, {"hb_port", &f.Heartbeat},
	} {
		n, err := member(o, port.name, 0)
		if err != nil {
			return fmt.Errorf("%w, a port number; let Jupyter write it anew", err)
		}
		if n < 1 || n > 65535 {
			return fmt.Errorf("%s is missing or not from 1 to 65535; let Jupyter write it anew", port.name)
		}
		if other, taken := seen[n]; taken {
			return fmt.Errorf("%s and %s are both %d; let Jupyter write it anew", other, port.name, n)
		}
		seen[n], *port.to = port.name, n
	}
	return nil
}

// checkAddress refuses an address beyond this machine. Messages on iopub are
// signed and not encrypted.
func (f *ConnectionFile) checkAddress(anyAddress bool) error {
	ip, err := netip.ParseAddr(f.IP)
	if err != nil {
		return fmt.Errorf("ip is %q and must be a numeric address; set KernelManager.ip to 127.0.0.1", f.IP)
	}
	if !ip.Unmap().IsLoopback() && !anyAddress {
		return fmt.Errorf("ip is %s, which other machines can reach; set KernelManager.ip to 127.0.0.1, or start weir kernel with --unsafe-any-address", ip)
	}
	return nil
}

// checkDirectory makes f.IP absolute, without symbolic links, and refuses it when
// another user could reach the sockets or put their own in their place.
func (f *ConnectionFile) checkDirectory() error {
	if strings.ContainsRune(f.IP, 0) {
		return errors.New("ip contains a zero byte; set KernelManager.ip")
	}
	// An absolute path is also never a name in Linux's abstract namespace,
	// which has no permissions.
	path, err := filepath.Abs(f.IP)
	if err != nil {
		return err
	}
	directory, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("the sockets' directory: %w; create it with mode 0700", err)
	}
	info, err := os.Stat(directory)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s, for the sockets, is not a directory; set KernelManager.ip", directory)
	}
	if err := checkPrivate(info, directory, 0o700); err != nil {
		return fmt.Errorf("the sockets' directory %s: %w", directory, err)
	}
	f.IP = filepath.Join(directory, filepath.Base(path))
	return nil
}

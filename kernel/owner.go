package kernel

import (
	"log/slog"
	"net"
	"os"
	"sync"
)

const errOwner refusal = "the peer belongs to another user of this machine"

// checkOwner refuses a connection over loopback TCP from a process of another user.
// ZeroMQ asks a subscriber of iopub for no key, so without this everybody on the
// machine could read what is published. Who may read the connection file, this user
// and root, may connect. A peer that has gone already belongs to nobody.
//
// Sockets of ipc lie in a private directory and need no check; an address that
// other machines can reach, UnsafeAnyAddress, has none.
func checkOwner(conn net.Conn) error {
	ours, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok || !ours.IP.IsLoopback() {
		return nil
	}
	theirs, _ := conn.RemoteAddr().(*net.TCPAddr)
	uid, known, err := ownerOf(theirs.AddrPort(), ours.AddrPort())
	switch {
	case err != nil:
		untold.Do(func() { slog.Warn("this system does not tell whose a connection is; other users of it can connect") })
		return nil
	case !known:
		return errGone
	case uid != 0 && uid != os.Getuid():
		return errOwner
	}
	return nil
}

var untold sync.Once

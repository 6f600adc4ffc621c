//go:build !linux

package kernel

import (
	"errors"
	"net/netip"
)

func ownerOf(netip.AddrPort, netip.AddrPort) (uid int, known bool, err error) {
	return 0, false, errors.ErrUnsupported
}

package kernel

import (
	"encoding/binary"
	"net/netip"
	"syscall"
)

// Constants of sock_diag(7) that package syscall lacks.
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	stateEstablished = 1

	diagRequest = 16 + 56 // struct nlmsghdr, struct inet_diag_req_v2
	diagAnswer  = 16 + 72 // struct nlmsghdr, struct inet_diag_msg
)

// ownerOf returns the user whose process has the local end of an established
// connection of this machine, whose other end is ours. An error says that this
// system does not tell.
func ownerOf(local, remote netip.AddrPort) (uid int, known bool, err error) {
	uid, state, err := diagnose(local, remote)
	if err == syscall.ENOENT {
		// It is gone, or nobody answers for TCP here; then our end is not
		// found either.
		_, _, err = diagnose(remote, local)
		return 0, false, err
	}
	return uid, state == stateEstablished, err
}

// diagnose asks the system for one socket.
func diagnose(local, remote netip.AddrPort) (uid int, state byte, err error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return 0, 0, err
	}
	defer syscall.Close(fd)
	if err := syscall.Sendto(fd, diagnosis(local, remote), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return 0, 0, err
	}
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(fd, answer, syscall.MSG_DONTWAIT)
	if err != nil {
		return 0, 0, err
	}
	order := binary.NativeEndian
	switch kind := order.Uint16(answer[4:]); {
	case n >= diagAnswer && kind == sockDiagByFamily:
		return int(order.Uint32(answer[80:])), answer[17], nil
	case n >= 20 && kind == syscall.NLMSG_ERROR:
		return 0, 0, syscall.Errno(-int32(order.Uint32(answer[16:])))
	}
	return 0, 0, syscall.EPROTO
}

// diagnosis is the request: one socket, by its addresses.
func diagnosis(local, remote netip.AddrPort) []byte {
	order := binary.NativeEndian
	b := order.AppendUint32(nil, diagRequest)
	b = order.AppendUint16(b, sockDiagByFamily)
	b = order.AppendUint16(b, syscall.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence, sender
	family := byte(syscall.AF_INET6)
	if local.Addr().Unmap().Is4() {
		family = syscall.AF_INET
	}
	b = append(b, family, syscall.IPPROTO_TCP, 0, 0)
	b = order.AppendUint32(b, ^uint32(0)) // in any state
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, remote.Port())
	for _, end := range []netip.AddrPort{local, remote} {
		var field [16]byte
		copy(field[:], end.Addr().Unmap().AsSlice())
		b = append(b, field[:]...)
	}
	b = order.AppendUint32(b, 0)             // any interface
	return order.AppendUint64(b, ^uint64(0)) // no cookie
}

package kernel

// Option changes what Serve and ReadConnectionFile accept.
type Option func(*options)

type options struct{ anyAddress bool }

func newOptions(opts []Option) (o options) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// UnsafeAnyAddress accepts a connection file with an address that other machines
// can reach. Published output then crosses the network signed but not encrypted,
// and whoever can connect can read it.
func UnsafeAnyAddress() Option { return func(o *options) { o.anyAddress = true } }

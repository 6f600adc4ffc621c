// Package kernel speaks the Jupyter messaging protocol, version 5.5, over
// ZeroMQ: it reads the connection file, checks signatures, serves the five
// sockets and turns requests into calls of an Executor. Call Serve first.
//
// It refuses a connection file that others can read, a key under 32 bytes, a
// signature scheme other than hmac-sha256 and a TCP address beyond loopback.
// Of a peer it refuses a process of another user (on Linux), a slow handshake,
// frames and messages beyond a bound, a wrong or repeated signature, anything but
// one JSON object in each part of a message, and buffers; such a message is
// dropped and logged without its content, and nothing else is disturbed.
//
// Every request ends in idle, whatever happened. Cells wait for one another, and
// nothing else waits for them. Published output is never dropped message by
// message: a front end gets all of it, or its connection is closed.
//
// The package knows nothing of data, plans or policy: what may be published is
// decided by who implements Executor.
package kernel

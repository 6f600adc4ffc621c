// Package confine takes a process's powers away for good. Call Apply in a
// freshly started child, before it runs anything that is not trusted.
//
// Afterwards the process can compute, read and write the descriptors it was
// given, start threads of its own and end. It can open, connect, execute,
// signal others, map executable memory or leave a core file no more; its memory
// cannot be read by others of the same user. Apply fails closed: if a layer that
// is required cannot be put on, it returns an error, and the caller must exit.
//
// The layers, in the order they are put on: descriptors closed, resource limits,
// PR_SET_DUMPABLE 0, no_new_privs, Landlock (all file system and network access
// denied; where the kernel has it), seccomp (an allow-list of system calls, the
// boundary that the others only back up). Built with cgo the process would have
// threads that Go does not know, so CGO_ENABLED=0 is required.
package confine

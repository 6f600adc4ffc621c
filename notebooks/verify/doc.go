// Package verify says which outputs of a notebook are what the guard released.
//
// Call Notebook first, with a notebook read by package nbformat, the Seals that
// know the signing key and, where it can be read, the Ledger. Its Report names
// every output that is not what was signed, recorded and shown. Scrub takes such
// outputs out of a notebook that is to be opened; Bundle judges a single output,
// as a server does that passes messages on.
//
// It refuses nothing by itself and repairs nothing; what it cannot prove counts
// as false. The texts of its findings never quote an output.
//
// # What is checked
//
// An output of the types display_data, execute_result is a data output. It is
// verified when its metadata hold a seal,
//
//	"weir": {"class": "release", "title": "…", "statement": "{…}", "signature": "<base64>"}
//
// whose signature fits, whose statement names exactly the representations that
// are there with their SHA-256, whose entry stands in the ledger with the same
// hashes, and that the ledger says was shown by the cell in which it stands.
//
// A cell's own text (streams, errors, and data outputs of the class "text" that
// hold nothing but text/plain and, for Markdown, text/html) comes from a process that has no data; nothing
// proves that it did. It is counted, and never part of what is verified.
//
// # What is a text that a browser has seen
//
// Texts have no seal. Scrub keeps those that Seen knows: the server remembers the
// hashes of the texts that a browser saved, so that what it has shown before it
// shows again, and what another program left in a file it does not.
package verify

// Package ledger is an append-only record that shows when it was tampered with.
// Open a ledger, then Append; Read gives all of it back.
//
// It refuses to go on from anything that Append did not write: every byte of a
// file is covered. What a file cannot show of itself is that entries at its end
// are missing or that all of it was replaced. For that there are checkpoints (Tree,
// Checkpoint), kept where the ledger is not (Witness).
//
// # Format
//
// A ledger is a text file with one entry a line:
//
//	<hash> {"seq":2,"time":"2022-07-01T09:30:00.123456789Z","prev":"<hash of entry 1>","kind":"release","body":{…}}
//
// hash is the SHA-256, in lower-case hexadecimal, of the JSON text between the
// space that follows it and the newline. seq counts from 1; prev is the hash of the
// entry before, and 64 zeros in the first. time is UTC (RFC 3339). kind is one of
// the kinds below or another word of lower-case letters. body is a JSON object in
// which no object has a key twice; but for the kinds that say so, this package does
// not look into it. The text is UTF-8 as encoding/json writes it: keys in this order,
// no white space between tokens, no character that HTML would take for markup. So
// there is one way to write an entry, and a reader refuses every other.
//
//	start      a session begins: its repository, tier and policy
//	policy     the text of the policy that the session keeps
//	access     a repository is opened, by whom
//	release    an output: its plan, every number that is shown, the hash of each representation
//	refusal    an output that is not given, the rule and the reason
//	request    somebody asks for an exception (package review)
//	grant      a reviewer grants it
//	exception  the outputs of a request that two reviewers granted
//	denial     an attempt that was refused
//	denied     an attempt to open what is not open to a person (package access)
//	conduct    a person confirms the code of conduct and the research purpose (package access)
//	shown      a cell displays an output: its session, its count, the hash of its source
//	artefact   a file was released from a notebook: its hash, and the entries in it
//	tripwire   a text was withheld because participants' identifiers stood in it; how many
//	torn       what a crash left of an entry was found (written by this package)
//	sealed     the file ends here (written by this package)
//	continued  the file goes on from another (written by this package)
//
// # Crashes
//
// Append returns when the entry is on the disk (fdatasync); only then may what it
// records be shown. Several processes append to one ledger: each takes the file's
// lock (flock), reads what the others wrote and checks that it continues the chain.
//
// Bytes behind the last newline are what a crash left of an entry that nobody was
// told of. The next process to append cuts them off and records how many there were
// and their hash; a line that lacks only its newline is kept, for the newline may
// have been taken away later:
//
//	{…,"kind":"torn","body":{"bytes":117,"kept":false,"sha256":"…"}}
//
// After an error of the disk the process does not append again: what the disk holds
// is not known until the file is opened anew.
//
// # Archives
//
// Rotate moves the file aside and begins another at its place. The archives of a
// ledger are numbered from 1:
//
//	workspace-17.0001    entries 1 to 8,000; the last is sealed
//	workspace-17.0002    entries 8,001 to 15,500, from continued to sealed
//	workspace-17         from entry 15,501 on, which is continued
//
// Sequence and hashes go on, so that the files read one after the other are one
// ledger. A session needs the last file only; Read needs all of them.
//
//	{…,"kind":"sealed","body":{"archive":"workspace-17.0001"}}
//	{…,"kind":"continued","body":{"archive":"workspace-17.0001"}}
package ledger

// Package store is the format of a repository on disk. Open reads one; Create
// writes one, which appears at its place in a single rename when it is complete.
//
// A repository is a directory:
//
//	manifest.json                 Manifest: version, tier, tables, fields, hashes
//	person.arrow                  one row a participant, in the order of participant indexes
//	condition_occurrence.arrow    rows sorted by participant, then date
//	condition_occurrence.index.arrow    its rows by concept
//	…                             one Arrow IPC file a table
//	participants.arrow            person_id of each participant index; no plan reaches it
//	counts_by_concept.arrow       of the public tier, which has no rows of participants
//
// Each data file is an Arrow IPC file (format version V5, little endian, not
// compressed) whose first column is participant, an int32 index from 0, in the
// tables that have one row or more a participant. Its other columns are int32,
// date32, float64, or an Arrow dictionary of int32 or utf8 values: a concept field
// holds indexes into a list of concept ids in ascending order, one list a field, in
// which the smallest int32 comes first where values are missing; a label field holds
// indexes into a list of texts, in which an empty one comes last for those that are
// missing. A missing value has its bit cleared in the validity bitmap, for other
// readers, and holds a sentinel in the values, for this one: NaN, or the smallest
// int32, which a missing label has too once the table is open.
//
// The manifest has nothing that only a few participants have: no text of a label
// field, and of the vocabularies of a concept field those that more than Threshold
// participants have, with their number. Schema is what of it a process without data
// may know.
//
// A record batch holds whole strides of participants: [k·Stride, m·Stride). So
// every stride of every table lies in one batch, where its rows are contiguous.
//
// An index file has a record batch for each of its table, of one int32 column:
// first, for each concept of the indexed field's dictionary and for one more, where
// its rows begin behind these numbers; then row numbers of the batch, ascending
// within a concept.
//
// Open refuses a manifest with fields it does not know, and Table refuses a file
// whose length or SHA-256 is not the manifest's, before anything of it is parsed
// (verify.go says what is remembered of that).
package store

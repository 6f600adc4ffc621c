// Package release builds what may leave the workbench from the verified parts of
// a notebook. Call Build, with a notebook and the report that package verify made
// of it.
//
// Nothing is copied but the sources of cells and the outputs that were verified:
// a cell's own text, attachments, metadata and unverified outputs are left out,
// and where an output was left out, the artefact says so. It refuses to build from
// a notebook without a verified output, and a format that cannot hold what is
// asked for.
//
// # The formats
//
//	.ipynb  a new notebook: sources, verified outputs with their seals
//	.html   one page without scripts, links or anything to load
//	.md     GitHub Flavored Markdown; charts as data URIs
//	.csv    one table, RFC 4180, behind lines that begin with "# "
//	.png    one chart; the text below as iTXt chunks (PNG, third edition, 11.3.3.4)
//
// Each carries the acknowledgement of participants, the version and hash of the
// policy and the reminder that publications are announced two weeks before, which
// the Publication and Presentation Policy asks for.
//
// # The slip
//
// Beside an artefact F lies its slip, .F.released, which lets it be downloaded:
//
//	{"statement": "{\"class\":\"artefact\",\"file\":\"table.csv\",\"sha256\":\"…\",\"seq\":7,\"entry\":\"…\",\"policy_version\":\"built-in 1\"}", "signature": "<base64>"}
//
// The signature is Ed25519 over SlipPrefix and the statement as it stands. seq and
// entry are of the ledger's entry, whose body names the entries of the outputs.
package release

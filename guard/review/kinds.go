package review

import "weir/guard/ledger"

// meanings say what an entry of a kind is to who does not know the workbench.
var meanings = map[string]string{
	ledger.Start:     "A session began on this data.",
	ledger.Policy:    "The rules that the session kept, whole.",
	ledger.Access:    "Somebody opened the data.",
	ledger.Release:   "An output was released: these numbers and no others.",
	ledger.Refusal:   "An output was refused.",
	ledger.Request:   "Somebody asks for outputs with nothing hidden.",
	ledger.Grant:     "A reviewer granted a request.",
	ledger.Exception: "An output was released with nothing hidden, as two reviewers granted.",
	ledger.Denial:    "An attempt was refused: a request, a grant, a release or a file that did not count.",
	ledger.Denied:    "Somebody asked for data that are not open to them.",
	ledger.Conduct:   "Somebody confirmed the code of conduct and the purpose of the research.",
	ledger.Shown:     "A notebook's cell displayed an output.",
	ledger.Artefact:  "A file with released outputs left the workbench.",
	ledger.Tripwire:  "A text was withheld because participants' identifiers stood in it.",
	ledger.Torn:      "A crash left part of an entry, of which nobody was told.",
	ledger.Sealed:    "The ledger's file ends here; an archive holds it.",
	ledger.Continued: "The ledger goes on from an archive.",
}

// Meaning says what the entry is, in a sentence.
func (v *Event) Meaning() string { return meanings[v.Kind] }

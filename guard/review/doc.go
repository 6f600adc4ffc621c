// Package review is the ledger as output checkers and the Resource Access Board
// read it, and the exceptions that they grant. Open a Book; Events and Cases say
// what is in it, Request and Grant write to it, Verify checks all of it, Serve
// shows it as a page.
//
// # What a reviewer sees
//
// Plans, the numbers that were released, refusals with their reasons, requests and
// who granted them. An Event has fields for these and for nothing else: what an
// entry holds beside them is not shown, whatever it is. Participant sets are not in
// the ledger at all, and of a hidden number neither an entry nor an Event has more
// than its marker.
//
// # Exceptions
//
// An output is released as it is, nothing hidden, when somebody asks for it with a
// reason and two reviewers grant it, each with a key of their own. The keys' public
// halves stand in the configuration. A request is an entry of the ledger:
//
//	{…,"kind":"request","body":{"by":"t.adeyemi","reason":"…","outputs":[{"seq":42,"entry":"<its hash>"}]}}
//
// A reviewer signs, with Ed25519, four lines (Statement):
//
//	weir grant 1
//	ledger weir-ledger/7c0a5b…
//	request 57 <hash of its entry>
//	reviewer A. Okafor
//
// and the signature, in base64, is an entry as well:
//
//	{…,"kind":"grant","body":{"request":57,"entry":"<its hash>","reviewer":"A. Okafor","signature":"…"}}
//
// A grant counts if its signature is that of the listed key, the reviewer is not the
// one who asked, and neither the reviewer nor the key granted that request before.
// What does not count is refused and recorded as a denial. With two grants the
// request can be released once: the plans run again beside the data, and if the
// answer is no longer what was recorded, nothing is released.
package review

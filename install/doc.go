// Package install writes and removes weir's Jupyter kernelspec, and closes a
// Jupyter server to everything but weir.
//
// Call Plan first: it looks at the disk, changes nothing and returns the Actions
// that would install the spec. Printing them is a dry run; Apply carries them
// out, all or none. PlanUninstall does the same for the removal. PlanLockdown and
// PlanUnlock are the same for a closed server; Examine looks at one, and Attack
// tries its ways out with live requests.
//
// It refuses a binary that is missing, not executable or not named by an
// absolute path, and to overwrite or remove files that somebody changed since
// weir wrote them, unless Options.Force says so.
//
// # What lies where
//
// Under the scope's Jupyter data directory:
//
//	kernels/weir/                           the spec: kernel.json and the logos
//	weir/kernels/weir/receipt.json          what was written, and over what
//	weir/kernels/weir/replaced/             the spec that stood there before
//	weir/kernels/weir/{incoming,outgoing}/  only while Apply runs
//	weir/lockdown/                          all that a closed server needs
//	weir/records/lockdown/                  its record, as above
//
// Only whole directories are moved into kernels, so Jupyter sees the old spec
// or the new one, never half of one.
//
// # The receipt
//
// Removing goes by the receipt: files names what weir wrote, before what it
// replaced (absent when there was nothing), made the directories that Apply had
// to make, which go again once they are empty.
//
//	{
//	 "receipt": 1,
//	 "spec": "/usr/local/share/jupyter/kernels/weir",
//	 "files": {
//	  ".": "directory",
//	  "kernel.json": "sha256:4f0c…"
//	 },
//	 "made": [
//	  "/usr/local/share/jupyter"
//	 ]
//	}
package install

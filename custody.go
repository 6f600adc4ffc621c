package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"weir/guard"
	"weir/guard/ledger"
	"weir/guard/review"
	"weir/notebooks/nbformat"
	"weir/notebooks/release"
	"weir/notebooks/verify"
)

// showing is the body of a ledger entry of the kind "shown": a cell displayed a
// release. With it a release that stands under another cell is found.
type showing struct {
	Session string `json:"session"`
	Cell    int    `json:"cell"`
	Code    string `json:"code"` // SHA-256 of the cell's source
	Seq     int64  `json:"seq"`  // of the release's entry
	Entry   string `json:"entry"`
}

// recordShowing records that the cell displays a release, before it does.
func (h *host) recordShowing(r guard.Release) error {
	about, _ := r.Metadata()["weir"].(map[string]any)
	text, _ := about["statement"].(string)
	var s guard.Statement
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("the release has no statement: %w", err)
	}
	_, err := h.ledger.Append(ledger.Shown, showing{h.id, h.number, verify.HashOf([]byte(h.code)), s.Seq, s.Entry})
	return err
}

// publicKey checks seals. It implements verify.Seals.
type publicKey ed25519.PublicKey

// Check implements verify.Seals.
func (k publicKey) Check(s verify.Seal, mime map[string]string) error {
	_, err := guard.Verify(ed25519.PublicKey(k), s.Statement, s.Signature, mime)
	return err
}

// shownRecord is a ledger that was read and holds together. It implements verify.Ledger.
type shownRecord struct {
	releases map[int64]recorded
	showings map[string][]verify.Showing // by the release's hash
}

type recorded struct {
	hash string
	mime map[string]string
}

func readRecord(path string) (*shownRecord, error) {
	r := &shownRecord{map[int64]recorded{}, map[string][]verify.Showing{}}
	_, err := ledger.Read(path, r.add)
	if err != nil {
		return nil, exit{exitIntegrity, err}
	}
	return r, nil
}

func (r *shownRecord) add(e ledger.Entry) error {
	switch e.Kind {
	case verify.ClassRelease, verify.ClassRefusal:
		var body struct {
			MIME map[string]string `json:"mime"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return fmt.Errorf("entry %d of the ledger is no %s: %w", e.Seq, e.Kind, err)
		}
		r.releases[e.Seq] = recorded{e.Hash, body.MIME}
	case ledger.Shown:
		var s showing
		if err := json.Unmarshal(e.Body, &s); err != nil {
			return fmt.Errorf("entry %d of the ledger is no showing: %w", e.Seq, err)
		}
		r.showings[s.Entry] = append(r.showings[s.Entry], verify.Showing{Session: s.Session, Cell: s.Cell, Code: s.Code})
	}
	return nil
}

// Recorded implements verify.Ledger.
func (r *shownRecord) Recorded(seq int64, entry string) (map[string]string, bool) {
	e, ok := r.releases[seq]
	return e.mime, ok && e.hash == entry
}

// Shown implements verify.Ledger.
func (r *shownRecord) Shown(_ int64, entry string) []verify.Showing { return r.showings[entry] }

// custody holds the key and the ledger: here, or in a vault.
type custody interface {
	// verify checks a notebook.
	verify(name string, content []byte) (*nbformat.Notebook, *verify.Report, error)
	// release builds an artefact, records it and makes its slip.
	release(name string, content []byte, file string, o release.Options, partly bool) (artefact, slip []byte, report *verify.Report, err error)
}

// own is the custody of a process that may read key and ledger.
type own struct{ config config }

func (c own) verify(name string, content []byte) (*nbformat.Notebook, *verify.Report, error) {
	key, err := existingKey(c.config.Key)
	if err != nil {
		return nil, nil, err
	}
	l, err := readRecord(c.config.Ledger)
	if err != nil {
		return nil, nil, err
	}
	n, report := verify.File(name, content, publicKey(publicOf(key)), l)
	return n, report, nil
}

// existingKey is the signing key, which verifying does not make.
func existingKey(path string) (ed25519.PrivateKey, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, exit{exitIntegrity, fmt.Errorf("the signing key cannot be read: %w; nothing was released here yet, or this is another configuration", err)}
	}
	return signingKey(path)
}

// errNotAsReleased is the refusal of a notebook that was tampered with.
var errNotAsReleased = errors.New("the notebook is not as it was released; run it again, or release only what was verified with --partly")

func (c own) release(name string, content []byte, file string, o release.Options, partly bool) (artefact, slip []byte, report *verify.Report, err error) {
	n, report, err := c.verify(name, content)
	if err != nil {
		return nil, nil, report, err
	}
	if n == nil || len(report.Findings) > 0 && !partly {
		return nil, nil, report, exit{exitIntegrity, errors.Join(errNotAsReleased, c.recordAttempt(name, len(report.Findings)))}
	}
	a, err := release.Build(n, report, o)
	if err != nil {
		return nil, nil, report, exit{exitRefused, err}
	}
	slip, err = c.record(file, o.Format, a)
	return a.Content, slip, report, err
}

// recordAttempt records that a notebook that was tampered with was to leave.
func (c own) recordAttempt(name string, outputs int) error {
	l, err := ledger.Open(c.config.Ledger)
	if err != nil {
		return err
	}
	defer l.Close()
	_, err = l.Append(ledger.Denial, review.Denial{Attempt: "file", Reason: fmt.Sprintf("%.100q is not as it was released; findings: %d", filepath.Base(name), outputs)})
	return err
}

// record writes an artefact into the ledger and signs its slip.
func (c own) record(file, format string, a *release.Artefact) ([]byte, error) {
	key, err := existingKey(c.config.Key)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(c.config.Ledger)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	s := release.SlipStatement{File: filepath.Base(file), SHA256: verify.HashOf(a.Content), Version: a.Version}
	e, err := l.Append(ledger.Artefact, map[string]any{"file": s.File, "format": format, "sha256": s.SHA256, "entries": a.Entries, "left_out": a.LeftOut, "policy_version": a.Version})
	if err != nil {
		return nil, err
	}
	s.Seq, s.Entry = e.Seq, e.Hash
	return release.NewSlip(key, s)
}

// publicOf is the half of the key that checks.
func publicOf(key ed25519.PrivateKey) ed25519.PublicKey {
	return key.Public().(ed25519.PublicKey)
}

// Package judge answers a Jupyter server that asks what it may pass on. Serve
// reads questions and writes answers, one JSON object a line each, until its input
// ends. It holds the public key alone.
//
//	{"ask":"message","kind":"display_data","content":{…}}      may this message go to the browser?
//	{"ask":"open","notebook":"…"}                              the notebook, scrubbed
//	{"ask":"save","notebook":"…"}                              remembers what a browser has
//	{"ask":"file","content":"<base64>","slip":"…"}             may this file be downloaded?
//
//	{"ok":true,"notebook":"…","removed":[…]}
//	{"ok":false,"why":"it has no seal: weir did not make it"}
//
// What it cannot read or does not know it answers with ok false; the text never
// quotes what was asked about. A line beyond MaxLine ends it.
package judge

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weir/notebooks/nbformat"
	"weir/notebooks/release"
	"weir/notebooks/verify"
)

// MaxLine is the longest question, in bytes.
const MaxLine = 256 << 20

// Judge knows the keys of those who may sign.
type Judge struct {
	Keys  []ed25519.PublicKey
	Seals verify.Seals
	Seen  *Seen
}

type question struct {
	Ask      string          `json:"ask"`
	Kind     string          `json:"kind"`
	Content  json.RawMessage `json:"content"`
	Notebook string          `json:"notebook"`
	Slip     string          `json:"slip"`
}

type answer struct {
	OK       bool             `json:"ok"`
	Why      string           `json:"why,omitempty"`
	Notebook string           `json:"notebook,omitempty"`
	Removed  []verify.Removed `json:"removed,omitempty"`
}

// Serve answers until r ends.
func (j Judge) Serve(r io.Reader, w io.Writer) error {
	in := bufio.NewReaderSize(r, 1<<16)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for {
		line, err := readLine(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := e.Encode(j.Answer(line)); err != nil {
			return err
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > MaxLine:
			return nil, fmt.Errorf("a question of more than %d bytes", MaxLine)
		case err != bufio.ErrBufferFull:
			return line, err
		}
	}
}

// Answer answers one question.
func (j Judge) Answer(line []byte) any {
	var q question
	if json.Unmarshal(line, &q) != nil {
		return refuse(errors.New("the question cannot be read"))
	}
	switch q.Ask {
	case "message":
		return j.message(q)
	case "open":
		return j.open(q)
	case "save":
		return j.save(q)
	case "file":
		return j.file(q)
	}
	return refuse(errors.New("there is no such question"))
}

func refuse(err error) answer { return answer{Why: err.Error()} }

func (j Judge) message(q question) answer {
	var content map[string]any
	if json.Unmarshal(q.Content, &content) != nil {
		return refuse(errors.New("its content is no object"))
	}
	if err := verify.Message(j.Seals, q.Kind, content); err != nil {
		return refuse(err)
	}
	return answer{OK: true}
}

// notNotebook is the same for every file that is none: its text is what a
// browser reads.
var notNotebook = errors.New("it is not a notebook that can be opened here")

func (j Judge) open(q question) answer {
	n, err := nbformat.Parse("", []byte(q.Notebook))
	if err != nil {
		return refuse(notNotebook)
	}
	removed := verify.Scrub(n, j.Seals, j.Seen)
	b, err := n.Encode()
	if err != nil {
		return refuse(notNotebook)
	}
	return answer{OK: true, Notebook: string(b), Removed: removed}
}

func (j Judge) save(q question) answer {
	n, err := nbformat.Parse("", []byte(q.Notebook))
	if err != nil {
		return refuse(notNotebook)
	}
	if err := j.Seen.Add(verify.Units(n)); err != nil {
		return refuse(err)
	}
	return answer{OK: true}
}

func (j Judge) file(q question) answer {
	var content []byte
	if json.Unmarshal(q.Content, &content) != nil {
		return refuse(errors.New("the question cannot be read"))
	}
	if q.Slip == "" {
		return refuse(errors.New("only what the release gate made can be downloaded: release it first"))
	}
	var err error
	for _, key := range j.Keys {
		if _, err = release.CheckSlip(key, []byte(q.Slip), content); err == nil {
			return answer{OK: true}
		}
	}
	if err == nil {
		err = errors.New("there is no key to check its slip with")
	}
	return refuse(err)
}

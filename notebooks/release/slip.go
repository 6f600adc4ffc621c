package release

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"

	"weir/notebooks/verify"
)

// SlipPrefix stands before a slip's statement where it is signed, so that no other
// signature of the same key is one of a slip.
const SlipPrefix = "weir artefact v1\n"

// Slip lets an artefact be downloaded; see the package comment.
type Slip struct {
	Statement string `json:"statement"`
	Signature string `json:"signature"`
}

// SlipStatement is what a slip says.
type SlipStatement struct {
	Class   string `json:"class"` // "artefact"
	File    string `json:"file"`  // its name when it was released
	SHA256  string `json:"sha256"`
	Seq     int64  `json:"seq"`
	Entry   string `json:"entry"`
	Version string `json:"policy_version"`
}

// SlipName is where the slip of a file lies.
func SlipName(file string) string {
	dir, base := filepath.Split(file)
	return filepath.Join(dir, "."+base+".released")
}

// NewSlip signs a statement.
func NewSlip(key ed25519.PrivateKey, s SlipStatement) ([]byte, error) {
	s.Class = "artefact"
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Slip{string(text), base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(SlipPrefix+string(text))))})
}

// CheckSlip says why a file with this content may not be downloaded.
func CheckSlip(public ed25519.PublicKey, slip, content []byte) (*SlipStatement, error) {
	var s Slip
	if json.Unmarshal(slip, &s) != nil {
		return nil, errors.New("its slip is damaged: release it again")
	}
	sig, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || !ed25519.Verify(public, []byte(SlipPrefix+s.Statement), sig) {
		return nil, errors.New("its slip was not signed by the release gate: release it again")
	}
	var about SlipStatement
	if json.Unmarshal([]byte(s.Statement), &about) != nil || about.Class != "artefact" || about.SHA256 != verify.HashOf(content) {
		return nil, errors.New("it is not the file that was released: release it again")
	}
	return &about, nil
}

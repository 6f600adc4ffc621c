package main

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"weir/notebooks/judge"
	"weir/notebooks/verify"
)

const publicType = "WEIR PUBLIC KEY"

type judgeCommand struct {
	PublicKey string `required:"" type:"existingfile" help:"Public keys of those who may sign."`
	Seen      string `required:"" type:"path" help:"File that remembers what a browser has saved."`
}

// Run answers a Jupyter server; see package judge.
func (c *judgeCommand) Run() error {
	text, err := os.ReadFile(c.PublicKey)
	if err != nil {
		return exit{exitUsage, err}
	}
	keys, err := parsePublic(text)
	if err != nil {
		return exit{exitIntegrity, fmt.Errorf("%s: %w", c.PublicKey, err)}
	}
	seen, err := judge.OpenSeen(c.Seen)
	if err != nil {
		return err
	}
	return judge.Judge{Keys: keys, Seals: publicKeys(keys), Seen: seen}.Serve(os.Stdin, os.Stdout)
}

// publicKeys checks seals with each key. It implements verify.Seals.
type publicKeys []ed25519.PublicKey

// Check implements verify.Seals.
func (k publicKeys) Check(s verify.Seal, mime map[string]string) error {
	err := errors.New("there is no key")
	for _, key := range k {
		if err = publicKey(key).Check(s, mime); err == nil {
			return nil
		}
	}
	return err
}

// encodePublic is a public key as PEM; several stand one after another.
func encodePublic(key ed25519.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: publicType, Bytes: key})
}

func parsePublic(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != publicType || len(block.Bytes) != ed25519.PublicKeySize {
			return nil, errors.New("it holds something else than public keys of weir")
		}
		keys, text = append(keys, ed25519.PublicKey(block.Bytes)), rest
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no public key")
	}
	return keys, nil
}

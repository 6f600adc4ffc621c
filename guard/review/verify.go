package review

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"weir/guard/ledger"
)

// Checks are what Verify looks at beside the chain, the requests and the grants.
type Checks struct {
	Checkpoints [][]byte          // signed notes that were kept elsewhere
	Key         ed25519.PublicKey // of the ledger; Required with Checkpoints

	Certificate func(certificate []byte) error // nil: certificates are counted and not checked

	// Replay computes an entry anew. It is given every entry in order and returns
	// the kind and the body of those that are decisions, and no kind for others.
	Replay   func(ctx context.Context, e ledger.Entry) (kind string, body any, err error)
	Progress func(done, total int)
}

// Report is what Verify found.
type Report struct {
	Ledger       string         `json:"ledger"` // its origin
	Entries      int            `json:"entries"`
	Kinds        map[string]int `json:"kinds"`
	Checkpoints  int            `json:"checkpoints"`  // that the ledger grew from
	Certificates int            `json:"certificates"` // that hold
	Unchecked    int            `json:"unchecked"`    // certificates that nothing checked
	Replayed     int            `json:"replayed"`     // decisions that came out as they are recorded
	Problems     []Problem      `json:"problems"`
}

// Verify checks the ledger.
func (b *Book) Verify(ctx context.Context, c Checks) (*Report, error) {
	b.mu.Lock()
	entries, problems, rest := b.entries, b.problems, b.rest
	b.mu.Unlock()
	r := &Report{Ledger: b.Origin(), Entries: len(entries), Kinds: map[string]int{}, Problems: append([]Problem{}, problems...)}
	found := func(seq int64, err error) { r.Problems = append(r.Problems, Problem{seq, err.Error()}) }
	if rest > 0 {
		found(0, fmt.Errorf("%d bytes stand behind the last entry: a crash left them, which the next session records, or the end was cut off", rest))
	}
	for _, text := range c.Checkpoints {
		if err := b.checkCheckpoint(text, c.Key); err != nil {
			found(0, err)
		} else {
			r.Checkpoints++
		}
	}
	for i, e := range entries {
		r.Kinds[e.Kind]++
		if err := r.certificate(e, c.Certificate); err != nil {
			found(e.Seq, err)
		}
		if c.Replay == nil {
			continue
		}
		again, err := replay(ctx, e, c.Replay)
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		if err != nil {
			found(e.Seq, err)
		} else if again {
			r.Replayed++
		}
		if c.Progress != nil {
			c.Progress(i+1, len(entries))
		}
	}
	return r, nil
}

func (b *Book) checkCheckpoint(text []byte, key ed25519.PublicKey) error {
	c, err := ledger.OpenCheckpoint(text, key)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tree.Check(c)
}

// certificate checks that of an entry: it must hold, and be of the numbers that the
// entry says were shown.
func (r *Report) certificate(e ledger.Entry, check func([]byte) error) error {
	var body struct {
		Detail struct {
			Certificate json.RawMessage `json:"certificate"`
			Rows        []Row           `json:"rows"`
		} `json:"detail"`
	}
	if json.Unmarshal(e.Body, &body) != nil || len(body.Detail.Certificate) == 0 {
		return nil
	}
	if check == nil {
		r.Unchecked++
		return nil
	}
	text := []byte(body.Detail.Certificate)
	if err := check(text); err != nil {
		return fmt.Errorf("its certificate does not hold: %w", err)
	}
	var of struct {
		Rows [][]string `json:"rows"`
	}
	if err := json.Unmarshal(text, &of); err != nil {
		return fmt.Errorf("its certificate does not hold: %w", err)
	}
	if !slices.EqualFunc(of.Rows, body.Detail.Rows, func(a []string, b Row) bool { return slices.Equal(a, b.Cells) }) {
		return errors.New("its certificate is of another table")
	}
	r.Certificates++
	return nil
}

func replay(ctx context.Context, e ledger.Entry, compute func(context.Context, ledger.Entry) (string, any, error)) (bool, error) {
	kind, body, err := compute(ctx, e)
	if err != nil {
		return false, fmt.Errorf("it cannot be recomputed: %w", err)
	}
	if kind == "" {
		return false, nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return false, err
	}
	if kind != e.Kind {
		return false, fmt.Errorf("recomputed, the decision is a %s", kind)
	}
	if !bytes.Equal(text, e.Body) {
		return false, fmt.Errorf("recomputed, it differs in %s", strings.Join(differing(text, e.Body), ", "))
	}
	return true, nil
}

// differing are the keys with different values: what the values are is not said.
func differing(a, b []byte) []string {
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return []string{"its form"}
	}
	var out []string
	for k := range x {
		if !bytes.Equal(x[k], y[k]) {
			out = append(out, k)
		}
	}
	for k := range y {
		if _, ok := x[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// GrantedIn is the proof for an exception that stands in the ledger.
func (b *Book) GrantedIn(seq int64) (Granted, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.find(seq)
	if v == nil || v.Excepts == nil || b.docket.cases[v.OfRequest] == nil {
		return Granted{}, fmt.Errorf("entry %d is no exception", seq)
	}
	return b.docket.cases[v.OfRequest].grantedFor(v.Excepts.Seq)
}

// Write writes the report as text.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "ledger %s: %d entries in one chain\n", r.Ledger, r.Entries)
	for _, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(&b, "%8d %s\n", r.Kinds[k], k)
	}
	count := func(n int, what string) {
		if n > 0 {
			fmt.Fprintf(&b, "%d %s\n", n, what)
		}
	}
	count(r.Checkpoints, "checkpoints that it grew from")
	count(r.Certificates, "certificates that hold")
	count(r.Unchecked, "certificates that were not checked")
	count(r.Replayed, "decisions recomputed, each as it is recorded")
	for _, p := range r.Problems {
		where := ""
		if p.Seq > 0 {
			where = fmt.Sprintf("entry %d: ", p.Seq)
		}
		fmt.Fprintf(&b, "PROBLEM: %s%s\n", where, printable(p.Msg))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

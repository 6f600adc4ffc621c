package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"
	"weir/guard/ledger"

	"weir/guard"
	"weir/kernel"
)

// door is guard's door as the kernel knows it.
type door struct{ *guard.Door }

// Data implements kernel.Door.
func (d door) Data(v kernel.Data) kernel.Data { return d.Door.Data(v) }

// Bar implements kernel.Door.
func (d door) Bar(label string, share float64, left time.Duration) kernel.Data {
	return d.Door.Data(guard.NewBar(label, share, left))
}

// newDoor is the door of a session, which the log passes, too.
func newDoor() *guard.Door {
	d := guard.NewDoor()
	slog.SetDefault(slog.New(d.Log(slog.NewTextHandler(os.Stderr, nil))))
	return d
}

// tripped writes down that identifiers stood in a text, and not which.
func (h *host) tripped(identifiers int) {
	slog.Error("a text was withheld: participants' identifiers seem to stand in it", "identifiers", identifiers)
	if _, err := h.ledger.Append(ledger.Tripwire, map[string]any{"session": h.id, "identifiers": identifiers}); err != nil {
		slog.Error("the ledger has no entry of it", "reason", fmt.Sprint(err))
	}
}

package guard

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Door is what everything passes that leaves a session: what cells print, results,
// errors, help, history, progress, lines of the log. It knows three classes of what
// leaves, by their types:
//
//   - a Release, which holds the data's numbers as the rules let them be seen;
//   - a Text, the words of the process that runs cells and of who writes them, and
//     of weir itself: no data, because who speaks has none;
//   - a Bar, how far work is: one of a few fixed labels and a percentage.
//
// Whatever else is given to Data does not leave. Of a Release and a Text only the
// representations of a short list of MIME types do, each up to a bound; HTML is made
// of a few elements and refers to nothing. Of what a terminal obeys only colours pass.
//
// The last line of defence is a tripwire: texts in which participants' identifiers
// stand are withheld (Tripwire). None should ever come here, since identifiers are no
// fields and no cell holds data; that one does is a fault, and Tripped is told.
//
// Call NewDoor, then Begin for each cell. Its methods may be called by several goroutines.
type Door struct {
	// Tripped is told how many identifiers stood in a text that was withheld; it may be nil.
	Tripped func(identifiers int)

	mu      sync.Mutex
	wire    *Tripwire
	written map[string]bool   // numbers that stand in cells
	held    map[string]string // by stream: the beginning of an escape sequence
	tail    map[string]string // by stream: digits at the end of what has left
	outputs int               // of this cell
	trips   int               // of this session
}

// NewDoor is the door of one session. Until Guard is called there is no tripwire: no
// repository is open.
func NewDoor() *Door {
	return &Door{written: map[string]bool{}, held: map[string]string{}, tail: map[string]string{}}
}

// Guard sets the tripwire of the repository that the session has opened.
func (d *Door) Guard(t *Tripwire) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wire = t
}

// Begin begins a cell. Numbers that stand in its text are no secret to who wrote it.
func (d *Door) Begin(code string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outputs = 0
	clear(d.held)
	clear(d.tail)
	for n := range numbersIn(code) {
		if len(d.written) < maxWritten {
			d.written[n] = true
		}
	}
}

// Bounds of what leaves.
const (
	maxWords   = 1 << 20  // bytes of one text
	maxPicture = 16 << 20 // bytes of one representation of a release
	maxOutputs = 1000     // of one cell
	maxWritten = 1 << 16  // numbers that stand in cells
	maxTrips   = 3        // withheld texts, after which no long number leaves in a text
	maxDigits  = len("9223372036854775807")
)

// withheldText stands in place of a text in which identifiers stood.
const withheldText = "[withheld: it looked like identifiers of participants; tell the administrator what this cell did]"

// Words is a text as it may leave.
func (d *Door) Words(text string) string {
	text = sanitiseText(bounded(text, maxWords))
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.checked(text, text)
}

// Stream is a piece of what a cell prints on a stream. The pieces are cut anywhere: an
// escape sequence that is not whole yet waits for the rest of it, and is dropped when
// the cell ends.
func (d *Door) Stream(name, text string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	text = d.held[name] + text
	text, d.held[name] = wholeEscapes(text)
	text = sanitiseText(text)
	before := d.tail[name]
	d.tail[name] = lastDigits(before, text)
	return d.checked(text, before+text)
}

// checked is the text, or what stands in its place where context, which the text ends, trips.
func (d *Door) checked(text, context string) string {
	if d.wire == nil {
		return text
	}
	if d.trips >= maxTrips {
		for n := range numbersIn(context) {
			if !d.written[n] {
				return withheldText
			}
		}
	}
	if n := d.wire.hits(context, d.written); n > 0 {
		d.trip(n)
		return withheldText
	}
	return text
}

func (d *Door) trip(n int) {
	d.trips++
	if d.Tripped != nil {
		go d.Tripped(n) // who is told may have something to say
	}
}

// bounded is at most so many bytes of a text, and says what is missing.
func bounded(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "\n[cut: " + strconv.Itoa(len(text)-cut) + " bytes more]"
}

// Leaving is what leaves: representations by MIME type, and metadata.
type Leaving struct {
	mime     map[string]string
	metadata map[string]any
}

// MIME is the representations; there are none of what may not leave.
func (l Leaving) MIME() map[string]string { return l.mime }

// Metadata goes with the output.
func (l Leaving) Metadata() map[string]any { return l.metadata }

// Data is a Release, a Text or a Bar as it may leave; of anything else, nothing does.
func (d *Door) Data(v any) Leaving {
	switch v := v.(type) {
	case Release:
		return d.release(v)
	case Text:
		return d.text(v)
	case Bar:
		return v.leaving()
	case Leaving: // has passed
		return v
	case nil:
	default:
		slog.Error("something that is neither a release nor a text was not published")
	}
	return Leaving{}
}

// Output is Data for one of the outputs of a cell, of which there may be many, but not
// any number.
func (d *Door) Output(v any) Leaving {
	d.mu.Lock()
	d.outputs++
	n := d.outputs
	d.mu.Unlock()
	switch {
	case n <= maxOutputs:
		return d.Data(v)
	case n == maxOutputs+1:
		return d.Data(Own(fmt.Sprintf("[a cell has at most %d outputs; what follows is not shown]", maxOutputs)))
	}
	return Leaving{}
}

// release: its representations were checked before they were signed, so that they
// leave as they are or not at all.
func (d *Door) release(r Release) Leaving {
	mime := r.MIME()
	d.mu.Lock()
	defer d.mu.Unlock()
	for kind, text := range mime {
		if kind == mimePNG {
			continue
		}
		if n := d.wire.hits(text, d.written); n > 0 {
			d.trip(n)
			return Leaving{map[string]string{mimePlain: withheldText}, own}
		}
	}
	return Leaving{mime, r.Metadata()}
}

func (d *Door) text(t Text) Leaving {
	plain := d.Words(t.plain)
	mime := map[string]string{mimePlain: plain}
	if t.page != "" && plain != withheldText {
		mime[mimeHTML] = bounded(sanitiseHTML(t.page), maxWords)
	}
	return Leaving{mime, t.Metadata()}
}

// lastDigits is the digits at the end of what has left, as far as they could begin a number.
func lastDigits(before, text string) string {
	digits := strings.TrimRight(text, "0123456789")
	if digits == "" {
		text = before + text
	}
	text = text[len(strings.TrimRight(text, "0123456789")):]
	return text[max(0, len(text)-maxDigits):]
}

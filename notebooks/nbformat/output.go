package nbformat

import "strings"

// The types of an output.
const (
	Stream        = "stream"
	DisplayData   = "display_data"
	ExecuteResult = "execute_result"
	Error         = "error"
)

// Output is one output of a code cell. Which members count depends on Type.
type Output struct {
	Type string

	Name, Text string // Stream: "stdout" or "stderr", and what was printed

	// DisplayData, ExecuteResult: a representation for each MIME type. That of
	// a JSON type, application/json or application/…+json, is JSON text.
	Data     map[string]string
	Metadata map[string]any
	Count    *int // ExecuteResult, may be nil

	EName, EValue string // Error
	Traceback     []string

	rest map[string]any
}

// isJSON reports whether the file holds a representation as JSON, not as text.
func isJSON(mime string) bool {
	return mime == "application/json" || strings.HasPrefix(mime, "application/") && strings.HasSuffix(mime, "+json")
}

// isLines reports whether the file holds a representation as a list of lines.
func isLines(mime string) bool {
	return strings.HasPrefix(mime, "text/") || mime == "application/javascript" || mime == "image/svg+xml"
}

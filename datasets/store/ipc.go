package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	flatbuffers "github.com/google/flatbuffers/go"
)

// The layout of an Arrow IPC file, after the format's documentation ("IPC File
// Format", "Encapsulated message format") and its File.fbs, Message.fbs:
//
//	"ARROW1\0\0"  messages…  Footer (flatbuffer)  int32 length of Footer  "ARROW1"
//
// Footer field 3 lists the record batches as structs {offset int64,
// metaDataLength int32, bodyLength int64} of 24 bytes. At offset stand
// 0xFFFFFFFF, an int32 length and the Message (field 1 header type, 2 header),
// whose RecordBatch header has length (0), nodes (1), buffers (2) and
// compression (3); a buffer is {offset, length int64} within the body that
// follows the metadata. Every column here has two: validity and values. Footer
// field 2 lists dictionary batches in the same way; a DictionaryBatch header has
// id (0) and data (1), a RecordBatch of one column; one of texts has three buffers:
// validity, where each text begins and the last ends (int32), and their bytes.
//
// arrow/go's own reader copies each batch; this one reads the values in place.
const (
	magic            = "ARROW1"
	blockSize        = 24
	pairSize         = 16 // FieldNode and Buffer
	headerDictionary = 2  // MessageHeader.DictionaryBatch
	headerBatch      = 3  // MessageHeader.RecordBatch
	continuation     = 0xFFFFFFFF
	buffersPerField  = 2
	buffersPerText   = 3
)

// dictionary is that of a concept field or of a label field.
type dictionary struct {
	concepts []int32
	labels   []string
	texts    bool // it is that of a label field
}

// layout finds the columns of each record batch in the mapped file, and the
// dictionaries of its concept and label fields.
func layout(data []byte, fields []Field) (batches []Batch, dictionaries map[string]dictionary, err error) {
	// A flatbuffer that lies about its own offsets panics in the accessors; the
	// hash has been verified, so this is a file that somebody built wrongly.
	defer func() {
		if p := recover(); p != nil {
			batches, dictionaries, err = nil, nil, fmt.Errorf("not an Arrow file: %v", p)
		}
	}()
	footer, err := footerOf(data)
	if err != nil {
		return nil, nil, err
	}
	if dictionaries, err = readDictionaries(data, vector(footer, 2), fields); err != nil {
		return nil, nil, err
	}
	blocks := vector(footer, 3)
	for i := range blocks.n {
		b, err := readBatch(data, blocks.at(i, blockSize), fields)
		if err != nil {
			return nil, nil, fmt.Errorf("record batch %d: %w", i+1, err)
		}
		for name, c := range b.columns {
			if d := dictionaries[name]; d.texts && c.nulls > 0 {
				c.ints = replaced(c.ints, int32(len(d.labels)), Missing)
				b.columns[name] = c
			}
		}
		batches = append(batches, b)
	}
	return batches, dictionaries, nil
}

// readDictionaries: dictionaries are numbered from 0 in the order of the fields that
// have one, as arrow/go writes them.
func readDictionaries(data []byte, blocks structs, fields []Field) (map[string]dictionary, error) {
	var of []Field
	for _, f := range fields {
		if f.Type == Concept || f.Type == Label {
			of = append(of, f)
		}
	}
	out := map[string]dictionary{}
	for i := range blocks.n {
		msg, body, err := message(data, blocks.at(i, blockSize), headerDictionary)
		if err != nil {
			return nil, fmt.Errorf("dictionary %d: %w", i+1, err)
		}
		id := int64(0)
		if o := field(msg, 0); o != 0 {
			id = msg.GetInt64(o)
		}
		if id < 0 || int(id) >= len(of) {
			return nil, fmt.Errorf("dictionary %d belongs to no field", id)
		}
		f := of[id]
		if _, twice := out[f.Name]; twice {
			return nil, fmt.Errorf("a second dictionary of %s", f.Name)
		}
		var rb flatbuffers.Table
		rb.Bytes, rb.Pos = msg.Bytes, msg.Indirect(field(msg, 1))
		d := dictionary{}
		if f.Type == Label {
			d.texts = true
			d.labels, err = labelsOf(rb, body)
		} else {
			d.concepts, err = conceptsOf(rb, body, f.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("dictionary of %s: %w", f.Name, err)
		}
		out[f.Name] = d
	}
	return out, nil
}

func conceptsOf(rb flatbuffers.Table, body []byte, name string) ([]int32, error) {
	b, err := columnsOf(rb, body, []Field{{Name: name, Type: Integer}})
	if err != nil {
		return nil, err
	}
	ids := b.Int32(name)
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			return nil, fmt.Errorf("not in order")
		}
	}
	return ids, nil
}

// labelsOf is texts without the last, which stands for a missing one.
func labelsOf(rb flatbuffers.Table, body []byte) ([]string, error) {
	texts, err := textsOf(rb, body)
	if err != nil {
		return nil, err
	}
	if len(texts) == 0 || texts[len(texts)-1] != "" {
		return nil, fmt.Errorf("without a text for what is missing")
	}
	return slices.Clip(texts[:len(texts)-1]), nil
}

// textsOf is a column of texts, in place.
func textsOf(rb flatbuffers.Table, body []byte) ([]string, error) {
	n, buffers, err := shapeOf(rb, 1, buffersPerText)
	if err != nil || n == 0 {
		return nil, err
	}
	starts, err := within(body, buffers, 1, 4*(n+1))
	if err != nil {
		return nil, err
	}
	bytes, err := within(body, buffers, 2, 0)
	if err != nil {
		return nil, err
	}
	at, out := view[int32](starts, int(n)+1), make([]string, n)
	for i := range out {
		from, to := at[i], at[i+1]
		if from < 0 || to < from || int(to) > len(bytes) {
			return nil, fmt.Errorf("text %d lies outside", i)
		}
		if to > from {
			out[i] = unsafe.String(&bytes[from], to-from)
		}
	}
	return out, nil
}

func footerOf(data []byte) (flatbuffers.Table, error) {
	end := len(data) - len(magic) - 4
	if end < 8 || string(data[:len(magic)]) != magic || string(data[end+4:]) != magic {
		return flatbuffers.Table{}, fmt.Errorf("not an Arrow file")
	}
	n := int(binary.LittleEndian.Uint32(data[end:]))
	if n < 8 || n > end-8 {
		return flatbuffers.Table{}, fmt.Errorf("a footer of %d bytes", n)
	}
	return root(data[end-n : end]), nil
}

func readBatch(data, block []byte, fields []Field) (Batch, error) {
	rb, body, err := message(data, block, headerBatch)
	if err != nil {
		return Batch{}, err
	}
	return columnsOf(rb, body, fields)
}

// message is the header of a message, which is of the wanted type, and its body.
func message(data, block []byte, want byte) (header flatbuffers.Table, body []byte, err error) {
	offset := int64(binary.LittleEndian.Uint64(block))
	metaLen := int64(binary.LittleEndian.Uint32(block[8:]))
	bodyLen := int64(binary.LittleEndian.Uint64(block[16:]))
	if offset < 8 || metaLen < 16 || bodyLen < 0 || bodyLen > int64(len(data)) || offset+metaLen+bodyLen > int64(len(data)) {
		return header, nil, fmt.Errorf("lies outside the file")
	}
	meta, body := data[offset:offset+metaLen], data[offset+metaLen:][:bodyLen]
	if binary.LittleEndian.Uint32(meta) != continuation {
		return header, nil, fmt.Errorf("no message")
	}
	msg := root(meta[8:])
	if o := field(msg, 1); o == 0 || msg.GetUint8(o) != want {
		return header, nil, fmt.Errorf("another kind of message")
	}
	msg.Union(&header, flatbuffers.UOffsetT(msg.Offset(vtable(2))))
	return header, body, nil
}

func columnsOf(rb flatbuffers.Table, body []byte, fields []Field) (Batch, error) {
	length, buffers, err := shapeOf(rb, len(fields), buffersPerField)
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Rows: int(length), columns: map[string]column{}}
	for i, f := range fields {
		width := int64(4)
		if f.Type == Float {
			width = 8
		}
		raw, err := within(body, buffers, buffersPerField*i+1, width*length)
		if err != nil {
			return Batch{}, fmt.Errorf("column %s: %w", f.Name, err)
		}
		if f.Type == Float {
			b.columns[f.Name] = column{floats: view[float64](raw, b.Rows)}
			continue
		}
		node := vector(rb, 1).at(i, pairSize)
		b.columns[f.Name] = column{ints: view[int32](raw, b.Rows), nulls: int64(binary.LittleEndian.Uint64(node[8:]))}
	}
	return b, nil
}

// shapeOf is the rows and the buffers of a RecordBatch, which has so many columns.
func shapeOf(rb flatbuffers.Table, columns, each int) (rows int64, buffers structs, err error) {
	if field(rb, 3) != 0 {
		return 0, buffers, fmt.Errorf("compressed")
	}
	if o := field(rb, 0); o != 0 {
		rows = rb.GetInt64(o)
	}
	nodes, buffers := vector(rb, 1), vector(rb, 2)
	if nodes.n != columns || buffers.n != each*nodes.n || rows < 0 || rows > 1<<31-1 {
		return 0, buffers, fmt.Errorf("%d columns and %d rows do not fit the manifest", nodes.n, rows)
	}
	return rows, buffers, nil
}

// within is buffer number i of a body: aligned, and of so many bytes or more.
func within(body []byte, buffers structs, i int, least int64) ([]byte, error) {
	at := buffers.at(i, pairSize)
	from := int64(binary.LittleEndian.Uint64(at))
	n := int64(binary.LittleEndian.Uint64(at[8:]))
	if from < 0 || n < max(least, 0) || from > int64(len(body))-n {
		return nil, fmt.Errorf("lies outside its batch")
	}
	raw := body[from : from+n]
	if n > 0 && uintptr(unsafe.Pointer(&raw[0]))%8 != 0 {
		return nil, fmt.Errorf("is not aligned")
	}
	return raw, nil
}

// structs is a flatbuffer vector of structs of one size.
type structs struct {
	data []byte
	n    int
}

func (s structs) at(i, size int) []byte { return s.data[i*size : (i+1)*size] }

func root(b []byte) flatbuffers.Table {
	return flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}
}

func vtable(slot int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*slot) }

// field is the position of a table's field, 0 when it is absent.
func field(t flatbuffers.Table, slot int) flatbuffers.UOffsetT {
	if o := t.Offset(vtable(slot)); o != 0 {
		return flatbuffers.UOffsetT(o) + t.Pos
	}
	return 0
}

func vector(t flatbuffers.Table, slot int) structs {
	o := t.Offset(vtable(slot))
	if o == 0 {
		return structs{}
	}
	off := flatbuffers.UOffsetT(o)
	return structs{t.Bytes[t.Vector(off):], t.VectorLen(off)}
}

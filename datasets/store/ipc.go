package store

import (
	"encoding/binary"
	"fmt"
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
// id (0) and data (1), a RecordBatch of one column.
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
)

// layout finds the columns of each record batch in the mapped file, and the
// dictionaries of its concept fields.
func layout(data []byte, fields []Field) (batches []Batch, dictionaries map[string][]int32, err error) {
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
		batches = append(batches, b)
	}
	return batches, dictionaries, nil
}

// readDictionaries: the concept fields' dictionaries are numbered from 0 in the
// order of the fields, as arrow/go writes them.
func readDictionaries(data []byte, blocks structs, fields []Field) (map[string][]int32, error) {
	var names []string
	for _, f := range fields {
		if f.Type == Concept {
			names = append(names, f.Name)
		}
	}
	out := map[string][]int32{}
	for i := range blocks.n {
		msg, body, err := message(data, blocks.at(i, blockSize), headerDictionary)
		if err != nil {
			return nil, fmt.Errorf("dictionary %d: %w", i+1, err)
		}
		id := int64(0)
		if o := field(msg, 0); o != 0 {
			id = msg.GetInt64(o)
		}
		if id < 0 || int(id) >= len(names) || out[names[id]] != nil {
			return nil, fmt.Errorf("dictionary %d belongs to no field", id)
		}
		var rb flatbuffers.Table
		rb.Bytes, rb.Pos = msg.Bytes, msg.Indirect(field(msg, 1))
		b, err := columnsOf(rb, body, []Field{{Name: names[id], Type: Integer}})
		if err != nil {
			return nil, fmt.Errorf("dictionary of %s: %w", names[id], err)
		}
		ids := b.Int32(names[id])
		for i := 1; i < len(ids); i++ {
			if ids[i] <= ids[i-1] {
				return nil, fmt.Errorf("dictionary of %s is not in order", names[id])
			}
		}
		out[names[id]] = ids
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
	if field(rb, 3) != 0 {
		return Batch{}, fmt.Errorf("compressed")
	}
	length := int64(0)
	if o := field(rb, 0); o != 0 {
		length = rb.GetInt64(o)
	}
	nodes, buffers := vector(rb, 1), vector(rb, 2)
	if nodes.n != len(fields) || buffers.n != buffersPerField*nodes.n || length < 0 || length > 1<<31-1 {
		return Batch{}, fmt.Errorf("%d columns and %d rows do not fit the manifest", nodes.n, length)
	}
	b := Batch{Rows: int(length), columns: map[string]column{}}
	for i, f := range fields {
		values := buffers.at(buffersPerField*i+1, pairSize)
		from := int64(binary.LittleEndian.Uint64(values))
		n := int64(binary.LittleEndian.Uint64(values[8:]))
		width := int64(4)
		if f.Type == Float {
			width = 8
		}
		if from < 0 || n < width*length || from > int64(len(body))-n {
			return Batch{}, fmt.Errorf("column %s lies outside its batch", f.Name)
		}
		raw := body[from : from+n]
		if n > 0 && uintptr(unsafe.Pointer(&raw[0]))%8 != 0 {
			return Batch{}, fmt.Errorf("column %s is not aligned", f.Name)
		}
		if f.Type == Float {
			b.columns[f.Name] = column{floats: view[float64](raw, b.Rows)}
		} else {
			b.columns[f.Name] = column{ints: view[int32](raw, b.Rows)}
		}
	}
	return b, nil
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

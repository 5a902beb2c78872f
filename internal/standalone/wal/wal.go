// Package wal reads how far etcd's write-ahead log goes, without etcd: the
// number of its last entry. A log that is shorter than it once was has lost
// what was written; etcd itself takes its end for a write that a crash cut
// short, drops it and goes on.
//
// It only reads. The format is that of etcd 3's storage/wal: segments named
// SEQUENCE-FIRSTENTRY.wal, each a row of frames (a length, a record, padding to
// eight bytes) that ends with the file or with zeros.
//
// Only internal/standalone imports this package.
package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// smallest is what no segment of an etcd that was once ready is smaller than:
// it begins with the description of its member. etcd would repair a shorter one
// by forgetting that, and then wait for a leader for ever.
const smallest = 512

// Check finds a log in the folder that is gone, cut off at its beginning, or
// ends before the entry that was once written; 0 if that is not known. It names
// the file that is wrong.
func Check(dir string, written uint64) (file string, err error) {
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(segments) == 0 {
		return dir, errors.Join(err, ErrNone)
	}
	for _, file := range segments {
		info, err := os.Stat(file)
		if err != nil {
			return file, err
		}
		if info.Size() < smallest {
			return file, fmt.Errorf("%d bytes, which is too short for a write-ahead log", info.Size())
		}
	}
	if written == 0 {
		return "", nil
	}
	file, last, err := Last(dir)
	if err == nil && last < written {
		err = fmt.Errorf("it ends with entry %d, and entry %d was written", last, written)
	}
	return file, err
}

// ErrNone means that there is no segment.
var ErrNone = errors.New("no write-ahead log in it")

// Last is the newest segment of the log in the folder, and the number of the
// last whole entry in it, or before it while it has none.
func Last(dir string) (file string, entry uint64, err error) {
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(segments) == 0 {
		return dir, 0, errors.Join(err, ErrNone)
	}
	file = slices.Max(segments) // Sequence numbers are hexadecimal and all of one length.
	var sequence, first uint64
	if _, err := fmt.Sscanf(filepath.Base(file), "%016x-%016x.wal", &sequence, &first); err != nil {
		return file, 0, fmt.Errorf("read the name of a segment: %w", err)
	}
	opened, err := os.Open(file)
	if err != nil {
		return file, 0, fmt.Errorf("read a segment: %w", err)
	}
	defer opened.Close() //nolint:errcheck // nothing was written
	entry, err = lastIn(bufio.NewReaderSize(opened, 1<<20))
	return file, max(entry, first-min(first, 1)), err
}

// The types of records that matter here.
const entryType = 2

// longest is more than a record can have: etcd's requests are far smaller.
const longest = 64 << 20

// lastIn reads frames to the first that is not whole.
func lastIn(segment io.Reader) (last uint64, err error) {
	var length [8]byte
	for {
		if _, err := io.ReadFull(segment, length[:]); err != nil {
			return last, ended(err)
		}
		size, padding := frame(binary.LittleEndian.Uint64(length[:]))
		if size == 0 || size > longest {
			return last, nil
		}
		record := make([]byte, size+padding)
		if _, err := io.ReadFull(segment, record); err != nil {
			return last, ended(err)
		}
		fields, whole := parse(record[:size])
		if !whole {
			return last, nil
		}
		if fields.number[1] == entryType {
			entry, _ := parse(fields.data)
			last = max(last, entry.number[3])
		}
	}
}

// ended is nil at the end of the file, wherever in a frame that is.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read a segment: %w", err)
}

// frame takes a length apart: the record's bytes in the lower 56 bits and, if
// the highest bit is set, those of the padding in the three above.
func frame(length uint64) (size, padding uint64) {
	size = length & (1<<56 - 1)
	if length>>63 == 1 {
		padding = length >> 56 & 7
	}
	return size, padding
}

// fields are the numbers and the one text of a protocol buffer message, as far
// as records and entries have them: a record's type is 1 and its data 3, an
// entry's index is 3 and its data 4.
type fields struct {
	number [5]uint64
	data   []byte
}

// parse reads a message; it is not whole if its bytes are no message.
func parse(message []byte) (f fields, whole bool) {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 || key>>3 >= uint64(len(f.number)) {
			return f, false
		}
		message = message[n:]
		value, n := binary.Uvarint(message)
		if n <= 0 {
			return f, false
		}
		message = message[n:]
		switch key & 7 {
		case 0:
			f.number[key>>3] = value
		case 2:
			if value > uint64(len(message)) {
				return f, false
			}
			f.data, message = message[:value], message[value:]
		default:
			return f, false
		}
	}
	return f, true
}

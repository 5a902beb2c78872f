package trail

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

var (
	// ErrTorn says that the last line has no end: it is being written, or a
	// crash interrupted it. It was not promised to anybody.
	ErrTorn = errors.New("the line is unfinished")
	// ErrTooLong says that a line is longer than any record.
	ErrTooLong = fmt.Errorf("the line is longer than the %d bytes of a record", MaxRecord)
)

// LineError says which line of a trail is no record, and why.
type LineError struct {
	// Line counts from 1.
	Line int
	Err  error
}

// Error names the line.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns why it is no record.
func (e *LineError) Unwrap() error { return e.Err }

// Read yields the records of the trail at path, oldest first. A line that is
// no record is yielded as a *LineError, and reading goes on behind it; any
// other error is the last thing yielded. Reading needs no lock and disturbs no
// writer.
func Read(path string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Record{}, fmt.Errorf("read trail: %w", err))
			return
		}
		defer file.Close() //nolint:errcheck // nothing was written
		for record, err := range ReadFrom(file) {
			if !yield(record, err) {
				return
			}
		}
	}
}

// ReadFrom is Read for what is not a file. It holds one line at a time.
func ReadFrom(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := bufio.NewReaderSize(r, MaxRecord+1)
		for number := 1; ; number++ {
			line, err := nextLine(lines)
			if errors.Is(err, io.EOF) {
				return
			}
			var record Record
			switch {
			case err == nil:
				record, err = parse(line, number)
			case errors.Is(err, ErrTorn) || errors.Is(err, ErrTooLong):
				err = &LineError{Line: number, Err: err}
			default:
				yield(Record{}, fmt.Errorf("read trail: %w", err))
				return
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// nextLine returns the next line without its end, valid until the next call.
// It returns io.EOF only where no byte is left.
func nextLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadSlice('\n')
	switch {
	case err == nil:
		return line[:len(line)-1], nil
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, ErrTorn
	case !errors.Is(err, bufio.ErrBufferFull):
		return nil, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = lines.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, ErrTooLong
}

func parse(line []byte, number int) (Record, error) {
	var record Record
	if err := json.Unmarshal(line, &record); err != nil {
		return Record{}, &LineError{Line: number, Err: fmt.Errorf("not a record: %w", err)}
	}
	if record.Action == "" {
		return Record{}, &LineError{Line: number, Err: errors.New("not a record: it has no action")}
	}
	return record, nil
}

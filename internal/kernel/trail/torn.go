package trail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// tornSuffix ends the name of the file that keeps what was cut off.
const tornSuffix = ".torn"

// cutTorn shortens the file to whole lines, after what follows them is safe in
// a side file, and returns the new size.
func cutTorn(file *os.File, log *slog.Logger) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	end := info.Size()
	whole, err := endOfLines(file, end)
	if err != nil || whole == end {
		return whole, err
	}
	side := file.Name() + tornSuffix
	if err := keep(side, io.NewSectionReader(file, whole, end-whole)); err != nil {
		return 0, fmt.Errorf("keep it in %q: %w", side, err)
	}
	if err := errors.Join(file.Truncate(whole), file.Sync()); err != nil {
		return 0, err
	}
	log.Warn("cut off an unfinished last line of the trail", "path", file.Name(), "bytes", end-whole, "kept", side)
	return whole, nil
}

// endOfLines finds the offset after the last newline before end.
func endOfLines(file io.ReaderAt, end int64) (int64, error) {
	const chunk = 64 << 10
	buffer := make([]byte, chunk)
	for end > 0 {
		start := max(0, end-chunk)
		part := buffer[:end-start]
		if _, err := file.ReadAt(part, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// keep appends what it reads to the side file as a line of its own.
func keep(side string, torn io.Reader) error {
	file, err := os.OpenFile(side, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, io.MultiReader(torn, bytes.NewReader([]byte{'\n'})))
	return errors.Join(err, file.Sync(), file.Close())
}

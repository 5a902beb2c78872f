package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// segment is a row of frames with entries of these numbers, as etcd writes it.
func segment(entries ...uint64) []byte {
	var out []byte
	for _, number := range entries {
		entry := binary.AppendUvarint([]byte{1 << 3, 0, 2 << 3, 7, 3 << 3}, number)
		entry = append(append(entry, 4<<3|2, 5), "hello"...)
		record := append([]byte{1 << 3, entryType, 2 << 3, 99, 3<<3 | 2, byte(len(entry))}, entry...)
		padding := (8 - len(record)%8) % 8
		length := uint64(len(record))
		if padding > 0 {
			length |= uint64(0x80|padding) << 56
		}
		out = binary.LittleEndian.AppendUint64(out, length)
		out = append(append(out, record...), make([]byte, padding)...)
	}
	return out
}

func TestLast(t *testing.T) {
	t.Parallel()
	const first, second = "0000000000000000-0000000000000000.wal", "0000000000000001-0000000000000004.wal"
	whole := segment(1, 2, 300)
	for _, row := range []struct {
		reason string
		files  map[string][]byte
		file   string
		want   uint64
	}{
		{"a whole segment", map[string][]byte{first: whole}, first, 300},
		{"one with room for more", map[string][]byte{first: append(segment(1, 2), make([]byte, 4096)...)}, first, 2},
		{"one whose last entry is torn", map[string][]byte{first: whole[:len(whole)-9]}, first, 2},
		{"one that ends in the middle of a length", map[string][]byte{first: append(segment(1), 1, 2, 3)}, first, 1},
		{"one that goes on with nonsense", map[string][]byte{first: append(segment(1), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)}, first, 1},
		{"the newest counts", map[string][]byte{first: segment(1, 2, 3), second: segment(4, 5)}, second, 5},
		{"a new segment says by its name what came before", map[string][]byte{first: segment(1, 2, 3), second: make([]byte, 64)}, second, 3},
		{"nothing was ever written", map[string][]byte{first: nil}, first, 0},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range row.files {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			file, entry, err := Last(dir)
			if err != nil || entry != row.want || file != filepath.Join(dir, row.file) {
				t.Errorf("entry %d of %s, %v; want %d of %s", entry, filepath.Base(file), err, row.want, row.file)
			}
		})
	}
	if _, _, err := Last(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("of an empty folder: %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const name = "0000000000000000-0000000000000000.wal"
	room := make([]byte, smallest)
	for _, row := range []struct {
		reason  string
		content []byte
		written uint64
		says    string
	}{
		{"as long as it was", append(segment(1, 2, 3), room...), 3, ""},
		{"longer than it was", append(segment(1, 2, 3), room...), 2, ""},
		{"nobody knows how long it was", append(segment(1), room...), 0, ""},
		{"shorter than it was", append(segment(1, 2), room...), 3, "it ends with entry 2, and entry 3 was written"},
		{"hardly anything is left", segment(1), 1, "32 bytes, which is too short for a write-ahead log"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, row.content, 0o600); err != nil {
				t.Fatal(err)
			}
			found, err := Check(filepath.Dir(file), row.written)
			if got := fmt.Sprint(err); (err != nil || row.says != "") && (got != row.says || found != file) {
				t.Errorf("%s: %s, want %q", filepath.Base(found), got, row.says)
			}
		})
	}
}

func FuzzLast(f *testing.F) {
	f.Add(segment(1, 2, 300))
	f.Add(segment(7)[:12])
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0x80})
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(t.TempDir(), "0000000000000000-0000000000000000.wal")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Last(filepath.Dir(file)); err != nil {
			t.Errorf("what cannot be read ends the log, it is no error: %v", err)
		}
	})
}

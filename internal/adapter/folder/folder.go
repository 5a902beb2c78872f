// Package folder keeps backups as files below a folder that nobody else can
// read. A file is whole or absent: it is written beside its place, flushed to
// the disk and then put there.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Store is a folder.
type Store struct{ path string }

// New returns the folder at path, which is made when it is first needed.
func New(path string) *Store { return &Store{path: path} }

// partial begins the names of files that are being written.
const partial = ".partial-"

// place is where a name is kept. A name that leads out of the folder is refused.
func (s *Store) place(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q leads out of the folder", name)
	}
	return filepath.Join(s.path, name), nil
}

// Put keeps what write writes under the name: all of it, or nothing.
func (s *Store) Put(_ context.Context, name string, write func(io.Writer) error) (err error) {
	path, err := s.place(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of %q: %w", name, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), partial+"*")
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the error that matters is already there
		}
	}()
	if err = write(file); err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return nil
}

// syncFolder makes a new name in the folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// List are the names that begin with the prefix, sorted.
func (s *Store) List(_ context.Context, prefix string) ([]string, error) {
	start, err := s.place(prefix[:strings.LastIndexByte(prefix, '/')+1] + ".")
	if err != nil {
		return nil, err
	}
	var names []string
	err = filepath.WalkDir(start, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), partial) {
			return err
		}
		relative, err := filepath.Rel(s.path, path)
		if name := filepath.ToSlash(relative); err == nil && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	slices.Sort(names)
	return names, nil
}

// Delete deletes a file; one that is not there counts as deleted.
func (s *Store) Delete(_ context.Context, name string) error {
	path, err := s.place(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %q: %w", name, err)
	}
	return nil
}

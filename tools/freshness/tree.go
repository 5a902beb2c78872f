package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// skipped are directories that are no part of the sources. bin is linked, so
// that the copy uses the tools that are built already.
var skipped = map[string]bool{".git": true, "bin": true, "node_modules": true}

// copyTree copies the sources under from to the existing directory to, with
// their times, so that make sees the same order of events in both.
func copyTree(from, to string) error {
	absolute, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	err = eachFile(from, func(relative string, info fs.FileInfo) error {
		return copyFile(filepath.Join(from, relative), filepath.Join(to, relative), info)
	})
	if err != nil {
		return err
	}
	return os.Symlink(filepath.Join(absolute, "bin"), filepath.Join(to, "bin"))
}

func copyFile(from, to string, info fs.FileInfo) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// digest hashes every file of the tree, by its path.
func digest(root string) (map[string]string, error) {
	sums := map[string]string{}
	err := eachFile(root, func(relative string, _ fs.FileInfo) error {
		content, err := os.ReadFile(filepath.Join(root, relative))
		if err != nil {
			return err
		}
		sums[relative] = fmt.Sprintf("%x", sha256.Sum256(content))
		return nil
	})
	return sums, err
}

// eachFile calls visit for every regular file of the sources under root.
func eachFile(root string, visit func(relative string, info fs.FileInfo) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && skipped[entry.Name()] {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(relative, info)
	})
}

// differences lists the paths that are not the same on both sides, sorted.
func differences(before, after map[string]string) []string {
	paths := map[string]bool{}
	for path, sum := range before {
		paths[path] = after[path] != sum
	}
	for path, sum := range after {
		paths[path] = before[path] != sum
	}
	maps.DeleteFunc(paths, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(paths))
}

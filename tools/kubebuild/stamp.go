package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// stamp is the hash of everything the executable is made from: the Go files
// and module files at the top of the module, in order of their names, and the
// platform it is built for.
func stamp(module fs.FS, platform string) (string, error) {
	entries, err := fs.ReadDir(module, ".")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n", platform)
	for _, entry := range entries {
		if entry.IsDir() || !isSource(entry.Name()) {
			continue
		}
		content, err := fs.ReadFile(module, entry.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", entry.Name(), len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// isSource tells whether a file of the module reaches the executable.
func isSource(name string) bool {
	if name == "go.mod" || name == "go.sum" {
		return true
	}
	return path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go")
}

func stampPath(out string) string { return out + ".stamp" }

// current tells whether out exists and was built from what want is the hash of.
func current(out, want string) bool {
	if _, err := os.Stat(out); err != nil {
		return false
	}
	have, err := os.ReadFile(stampPath(out))
	return err == nil && strings.TrimSpace(string(have)) == want
}

package laws

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"
)

// Words refuses texts that name the machine they were written on: paths of a
// workplace, or hosts that packages are fetched from. The words are given, and
// compared without regard to case. go.sum files are left out: nobody writes
// them.
func Words(tree fs.FS, refused []string) ([]Finding, error) {
	var found []Finding
	err := walk(tree, func(name string) error {
		if path.Base(name) == "go.sum" {
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if utf8.Valid(content) {
			found = append(found, wordsIn(name, content, refused)...)
		}
		return nil
	})
	return found, err
}

func wordsIn(name string, content []byte, refused []string) []Finding {
	var found []Finding
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.ToLower(lines.Text())
		for _, word := range refused {
			if strings.Contains(line, strings.ToLower(word)) {
				found = append(found, Finding{fmt.Sprintf("%s:%d", name, n), fmt.Sprintf("names %q", word)})
			}
		}
	}
	return found
}

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/roadbed-dev/roadbed/internal/laws"
)

// conditions writes the condition types and, by the block that declares them,
// the reasons of each package.
func conditions(out *bytes.Buffer, tree fs.FS) error {
	parsed, err := laws.Load(tree, module)
	if err != nil {
		return err
	}
	out.WriteString("Every object of Roadbed carries conditions. `Ready` sums up: it takes over the\n" +
		"reason and message of the first condition that does not hold.\n\n")
	table(out, "Condition types", "type", parsed.Constants("Condition"))
	table(out, "Reasons", "reason", parsed.Constants("Reason"))
	return nil
}

// table writes the constants, with a heading for each package and block.
func table(out *bytes.Buffer, title, column string, constants []laws.Constant) {
	fmt.Fprintf(out, "## %s\n", title)
	section := ""
	for _, c := range constants {
		if next := c.Dir + "\n" + c.Group; next != section {
			section = next
			fmt.Fprintf(out, "\n### %s\n\n| %s | meaning |\n|---|---|\n", heading(c), column)
		}
		fmt.Fprintf(out, "| `%s` | %s |\n", c.Value, cell(meaning(c)))
	}
	out.WriteString("\n")
}

// meaning is the constant's comment without the constant's name, which users
// never see.
func meaning(c laws.Constant) string {
	text := strings.TrimSpace(strings.TrimPrefix(c.Doc, c.Name))
	text = strings.TrimPrefix(text, "means ")
	text = strings.TrimPrefix(text, "that ")
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// heading is the constant's package and the first sentence on its block.
func heading(c laws.Constant) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(c.Group), " "), ".")
	return strings.TrimSuffix(path.Base(c.Dir)+": "+first, ": ")
}

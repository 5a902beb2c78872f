package laws

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands wants every `make` and `roadbed` command that a Markdown document
// shows, in a code span or a fenced block, to exist: the target in the
// Makefile, the verb and its flags under root.
func Commands(tree fs.FS, root *cobra.Command) ([]Finding, error) {
	makefile, err := fs.ReadFile(tree, "Makefile")
	if err != nil {
		return nil, err
	}
	check := checker{targets: makeTargets(string(makefile)), root: root}
	var found []Finding
	err = walk(tree, func(name string) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		for _, shown := range shownCommands(string(text)) {
			if complaint := check.complaint(shown.words); complaint != "" {
				found = append(found, Finding{fmt.Sprintf("%s:%d", name, shown.line), complaint})
			}
		}
		return nil
	})
	return found, err
}

var target = regexp.MustCompile(`(?m)^([A-Za-z][A-Za-z0-9_-]*):`)

func makeTargets(makefile string) map[string]bool {
	targets := map[string]bool{}
	for _, match := range target.FindAllStringSubmatch(makefile, -1) {
		targets[match[1]] = true
	}
	return targets
}

// shown is a command as a document shows it.
type shown struct {
	line  int
	words []string
}

var (
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	separator = regexp.MustCompile(`\s*(?:\||&&|;|\$\()\s*`)
	variable  = regexp.MustCompile(`^[A-Z_]+=`)
)

// shownCommands finds the commands in code spans and fenced blocks.
func shownCommands(text string) []shown {
	var all []shown
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		codes := []string{line}
		if !fenced {
			codes = nil
			for _, match := range codeSpan.FindAllStringSubmatch(line, -1) {
				codes = append(codes, match[1])
			}
		}
		for _, code := range codes {
			all = append(all, split(i+1, code)...)
		}
	}
	return all
}

// split cuts a line of shell at pipes and the like, and drops prompts,
// comments, redirections and leading variables.
func split(line int, code string) []shown {
	code, _, _ = strings.Cut(code, " #")
	var all []shown
	for _, command := range separator.Split(code, -1) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(command), "$ "))
		for len(words) > 0 && variable.MatchString(words[0]) {
			words = words[1:]
		}
		if len(words) > 0 {
			all = append(all, shown{line, words})
		}
	}
	return all
}

// checker knows which commands exist.
type checker struct {
	targets map[string]bool
	root    *cobra.Command
}

// complaint says what is wrong with a command, or nothing.
func (c checker) complaint(words []string) string {
	switch words[0] {
	case "make":
		return c.makeComplaint(words[1:])
	case "roadbed", "bin/roadbed":
		return c.verbComplaint(words[1:])
	}
	return ""
}

func (c checker) makeComplaint(words []string) string {
	for _, word := range words {
		if variable.MatchString(word) || strings.HasPrefix(word, "-") || isPlaceholder(word) {
			continue
		}
		if !c.targets[word] {
			return fmt.Sprintf("the Makefile has no target %q", word)
		}
	}
	return ""
}

func (c checker) verbComplaint(words []string) string {
	command := c.root
	for i, word := range words {
		if isPlaceholder(word) {
			continue
		}
		if strings.HasPrefix(word, "-") {
			if complaint := flagComplaint(command, word); complaint != "" {
				return complaint
			}
			continue
		}
		next := child(command, word)
		if next == nil && command.HasSubCommands() && !followsFlag(words, i) {
			return fmt.Sprintf("%q has no verb %q", command.CommandPath(), word)
		}
		if next != nil {
			command = next
		}
	}
	return ""
}

// followsFlag tells whether a word may be the value of the flag before it.
func followsFlag(words []string, i int) bool {
	return i > 0 && strings.HasPrefix(words[i-1], "-")
}

func child(command *cobra.Command, name string) *cobra.Command {
	for _, c := range command.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

func flagComplaint(command *cobra.Command, word string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if name == "" || name == "help" || name == "h" || command.DisableFlagParsing {
		return "" // A verb that parses no flags hands them on, as kubectl's does.
	}
	short := !strings.HasPrefix(word, "--")
	for _, set := range []*pflag.FlagSet{command.Flags(), command.PersistentFlags(), command.InheritedFlags()} {
		if !short && set.Lookup(name) != nil || short && set.ShorthandLookup(name[:1]) != nil {
			return ""
		}
	}
	return fmt.Sprintf("%q has no flag %s", command.CommandPath(), word)
}

// isPlaceholder tells words that stand for something, such as NAME or <verb>,
// from words that are meant.
func isPlaceholder(word string) bool {
	return strings.ContainsAny(word, "<>[]…{}\"'") || word == strings.ToUpper(word) && strings.ToLower(word) != word || word == "..."
}

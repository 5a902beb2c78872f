package cli

import "strings"

// color is an ANSI attribute.
type color string

// The few attributes in use.
const (
	bold   color = "1"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// paint colours a text where the user wants colour. A newline at its end stays
// outside.
func (p *program) paint(c color, text string) string {
	if !p.Color || text == "" {
		return text
	}
	body := strings.TrimSuffix(text, "\n")
	return "\x1b[" + string(c) + "m" + body + "\x1b[0m" + text[len(body):]
}

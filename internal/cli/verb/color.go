package verb

import "strings"

// Color is an ANSI attribute.
type Color string

// The few attributes in use.
const (
	Bold   Color = "1"
	Red    Color = "31"
	Green  Color = "32"
	Yellow Color = "33"
	Cyan   Color = "36"
)

// Paint colours a text where the user wants colour. A newline at its end stays
// outside.
func (p *Program) Paint(c Color, text string) string {
	if !p.Color || text == "" {
		return text
	}
	body := strings.TrimSuffix(text, "\n")
	return "\x1b[" + string(c) + "m" + body + "\x1b[0m" + text[len(body):]
}

package observe

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendText appends a string as JSON. What is not UTF-8 becomes U+FFFD.
func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			out = appendASCII(out, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == '\u2028' || r == '\u2029' {
			out = append(out, `\u202`...)
			out = append(out, hexDigits[r&0xf])
		} else {
			out = utf8.AppendRune(out, r)
		}
		i += size
	}
	return append(out, '"')
}

func appendASCII(out []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(out, '\\', c)
	case c < ' ' || c == 0x7f:
		return append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
	return append(out, c)
}

// object writes one JSON object into a buffer; empty texts are left out.
type object struct{ out []byte }

func (o *object) key(name string) {
	if last := o.out[len(o.out)-1]; last != '{' {
		o.out = append(o.out, ',')
	}
	o.out = append(o.out, '"')
	o.out = append(o.out, name...)
	o.out = append(o.out, '"', ':')
}

func (o *object) text(name, value string) {
	if value == "" {
		return
	}
	o.key(name)
	o.out = appendText(o.out, value)
}

func (o *object) number(name string, value int64) {
	o.key(name)
	o.out = strconv.AppendInt(o.out, value, 10)
}

// millis writes microseconds as milliseconds with three digits behind the point.
func (o *object) millis(name string, micros int64) {
	o.key(name)
	o.out = strconv.AppendFloat(o.out, float64(micros)/1000, 'f', 3, 64)
}

package autogen

import "slices"

// fieldsAfter reads the next two fields of a path such as ".metadata.?name".
func fieldsAfter(text []rune) []string {
	var fields []string
	for i := 0; len(fields) < 2; {
		i = blanks(text, i)
		if i >= len(text) || text[i] != '.' {
			return fields
		}
		i = blanks(text, i+1)
		if i < len(text) && text[i] == '?' {
			i = blanks(text, i+1)
		}
		end := i
		for end < len(text) && isName(text[end]) {
			end++
		}
		fields = append(fields, string(text[i:end]))
		i = end
	}
	return fields
}

func isName(c rune) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// blanks skips white space and comments.
func blanks(text []rune, i int) int {
	for i < len(text) {
		switch {
		case text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r' || text[i] == '\f':
			i++
		case text[i] == '/' && i+1 < len(text) && text[i+1] == '/':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

// closing returns the place of the brace that closes the one at open; the end of
// the text when there is none.
func closing(text []rune, open int) int {
	depth := 0
	for i := open; i < len(text); {
		switch text[i] {
		case '{':
			depth++
			i++
		case '}':
			if depth--; depth == 0 {
				return i
			}
			i++
		case '"', '\'':
			i = quoted(text, i, i > 0 && (text[i-1] == 'r' || text[i-1] == 'R'))
		default:
			if next := blanks(text, i); next != i {
				i = next
			} else {
				i++
			}
		}
	}
	return len(text)
}

// quoted returns the place after the literal that begins at i.
func quoted(text []rune, i int, raw bool) int {
	quote := text[i : i+1]
	if i+2 < len(text) && text[i+1] == text[i] && text[i+2] == text[i] {
		quote = text[i : i+3]
	}
	for j := i + len(quote); j < len(text); j++ {
		if text[j] == '\\' && !raw {
			j++
			continue
		}
		if j+len(quote) <= len(text) && slices.Equal(text[j:j+len(quote)], quote) {
			return j + len(quote)
		}
	}
	return len(text)
}

// inside returns the place after the opening quotes of a literal.
func inside(text []rune, i int) int {
	for i < len(text) && isName(text[i]) {
		i++
	}
	if i+2 < len(text) && text[i+1] == text[i] && text[i+2] == text[i] {
		return i + 3
	}
	return i + 1
}

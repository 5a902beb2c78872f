package schema

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// formats are samples of the formats that the API server knows.
var formats = map[string]string{
	"date-time": "2026-01-02T15:04:05Z", "date": "2026-01-02", "duration": "1h30m", "byte": "AAEC",
	"email": "team@corp.example", "hostname": "db.corp.example", "uri": "https://corp.example/",
	"ipv4": "192.0.2.10", "ip": "192.0.2.10", "ipv6": "2001:db8::10", "cidr": "192.0.2.0/24", "mac": "00:00:5e:00:53:01",
	"uuid": "6fa459ea-ee8a-3ca4-894e-db77e160355e", "uuid4": "16fd2706-8baf-433b-82eb-8c7fada847da", "quantity": "10Gi",
}

// text is a string within the bounds.
func (s *sampler) text(path string, props *Props) string {
	if text, ok := formats[props.Format]; ok {
		return text
	}
	text := "text"
	if last := strings.LastIndexByte(path, '.'); last >= 0 && last+1 < len(path) {
		text = strings.ToLower(strings.NewReplacer("[", "", "]", "", "*", "key").Replace(path[last+1:]))
	}
	if !s.tame {
		text += string(rune('a' + s.chance(path)%26))
	}
	if props.Pattern != "" {
		text = Matching(props.Pattern, text)
	}
	return fitted(text, props)
}

// fitted brings a text to a length that the schema allows.
func fitted(text string, props *Props) string {
	if props.MinLength != nil && int64(len(text)) < *props.MinLength && *props.MinLength <= 1<<16 {
		last := "x"
		if text != "" {
			last = text[len(text)-1:]
		}
		text += strings.Repeat(last, int(*props.MinLength)-len(text))
	}
	if props.MaxLength != nil && int64(len(text)) > *props.MaxLength {
		text = text[:*props.MaxLength]
	}
	return text
}

// Matching is a text that matches a regular expression: the one that is wished
// for if it does, else the shortest that the expression makes without choice.
// For an expression that cannot be parsed it is the wish.
func Matching(pattern, wish string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || matches(pattern, wish) {
		return wish
	}
	var made strings.Builder
	spell(&made, parsed.Simplify(), 0)
	return made.String()
}

// spell writes the shortest text that an expression makes.
func spell(to *strings.Builder, re *syntax.Regexp, depth int) {
	if depth > 64 || to.Len() > 1<<12 {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		to.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		to.WriteRune(friendly(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		to.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		spell(to, re.Sub[0], depth+1)
	case syntax.OpRepeat:
		for range re.Min {
			spell(to, re.Sub[0], depth+1)
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			spell(to, sub, depth+1)
		}
	case syntax.OpAlternate:
		spell(to, re.Sub[0], depth+1)
	default: // What matches nothing, or may be left out.
	}
}

// friendly is a character of a class, given as pairs of first and last: a small
// letter if there is one, else a digit, else the first.
func friendly(class []rune) rune {
	for _, wish := range "ax1" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= wish && wish <= class[i+1] {
				return wish
			}
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}

func matches(pattern, text string) bool {
	compiled, err := regexp.Compile(pattern)
	return err == nil && compiled.MatchString(text)
}

package match

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// value is a ValueMatch whose regular expression is held to the whole value.
type value struct {
	name, exact string
	pattern     *regexp.Regexp
}

func (v *value) holds(text string) bool {
	if v.pattern != nil {
		return v.pattern.MatchString(text)
	}
	return v.exact == text
}

func values(all []gateway.ValueMatch) []value {
	if len(all) == 0 {
		return nil
	}
	compiled := make([]value, 0, len(all))
	for _, v := range all {
		compiled = append(compiled, value{v.Name, v.Exact, whole(v.Regexp)})
	}
	return compiled
}

// whole returns a regular expression that matches where all of a text does.
func whole(pattern *regexp.Regexp) *regexp.Regexp {
	if pattern == nil {
		return nil
	}
	text := pattern.String()
	if strings.HasPrefix(text, `\A(?:`) && strings.HasSuffix(text, `)\z`) {
		return pattern
	}
	anchored, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil { // what compiles alone compiles in a group
		return pattern
	}
	return anchored
}

func headersHold(matches []value, header http1.Header) bool {
	for i := range matches {
		text, ok := field(header, matches[i].name)
		if !ok || !matches[i].holds(text) {
			return false
		}
	}
	return true
}

// field returns all values of a header as one.
func field(header http1.Header, name string) (string, bool) {
	var text string
	found := false
	for i := range header {
		if !http1.EqualFold(header[i].Name, name) {
			continue
		}
		if found {
			text += "," + header[i].Value
			continue
		}
		text, found = header[i].Value, true
	}
	return text, found
}

func queriesHold(matches []value, query string) bool {
	for i := range matches {
		text, ok := parameter(query, matches[i].name)
		if !ok || !matches[i].holds(text) {
			return false
		}
	}
	return true
}

// parameter returns the first value of a query parameter. What is not encoded as
// it should be is nobody's parameter.
func parameter(query, name string) (string, bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, text, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		text, err := url.QueryUnescape(text)
		return text, err == nil
	}
	return "", false
}

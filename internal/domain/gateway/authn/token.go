package authn

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

const (
	// mostToken is how long a token may be.
	mostToken = 8 << 10
	// leeway is how far clocks may be apart.
	leeway = 10 * time.Second
	// mostNested bounds how deep claims may be nested.
	mostNested = 16
)

// token is a token that was read, not yet one that was believed.
type token struct {
	raw       string
	signed    string // what the signature is of
	signature []byte
	method    jwt.SigningMethod
	algorithm algorithms
	keyID     string

	claims    map[string]any
	issuer    string
	subject   string
	client    string
	audiences []string
	begins    time.Time // nbf or iat, whichever is later
	ends      time.Time
}

// reader reads tokens; it is for many goroutines at once.
type reader struct {
	parser *jwt.Parser
	say    *refusals
}

func newReader(say *refusals) *reader {
	return &reader{parser: jwt.NewParser(jwt.WithJSONNumber(), jwt.WithStrictDecoding()), say: say}
}

// read parses a token and verifies nothing of it but its form.
func (r *reader) read(raw string) (*token, *exchange.Refusal) {
	if len(raw) > mostToken || strings.Count(raw, ".") != 2 {
		return nil, r.say.malformed
	}
	claims := jwt.MapClaims{}
	parsed, _, err := r.parser.ParseUnverified(raw, claims)
	if parsed == nil || parsed.Header == nil {
		return nil, r.say.malformed
	}
	name, _ := parsed.Header["alg"].(string)
	if every[name] == 0 {
		return nil, r.say.algorithm
	}
	if _, demands := parsed.Header["crit"]; demands {
		return nil, r.say.critical
	}
	id, isText := parsed.Header["kid"].(string)
	if _, given := parsed.Header["kid"]; err != nil || given && !isText || !shallow(map[string]any(claims), mostNested) {
		return nil, r.say.malformed
	}
	made := &token{
		raw: raw, signed: raw[:strings.LastIndexByte(raw, '.')], signature: parsed.Signature,
		method: parsed.Method, algorithm: every[name], keyID: id, claims: claims,
	}
	return made, r.understand(made)
}

// understand reads the claims that every token has.
func (r *reader) understand(t *token) *exchange.Refusal {
	t.issuer, _ = t.claims["iss"].(string)
	t.subject, _ = t.claims["sub"].(string)
	t.audiences = texts(t.claims["aud"])
	t.client, _ = t.claims["azp"].(string)
	if t.client == "" {
		t.client, _ = t.claims["client_id"].(string)
	}
	if t.client == "" {
		t.client = t.subject
	}
	if t.subject == "" {
		t.subject = t.client
	}
	if t.subject == "" {
		return r.say.subject
	}
	ends, given, ok := moment(t.claims["exp"])
	if !given {
		return r.say.expired
	}
	early, _, okEarly := moment(t.claims["nbf"])
	issued, _, okIssued := moment(t.claims["iat"])
	if !ok || !okEarly || !okIssued {
		return r.say.malformed
	}
	t.ends, t.begins = ends, early
	if issued.After(early) {
		t.begins = issued
	}
	return nil
}

// timely tells what is wrong with the token at this time.
func (r *reader) timely(t *token, now time.Time) *exchange.Refusal {
	switch {
	case !now.Before(t.ends.Add(leeway)):
		return r.say.expired
	case now.Add(leeway).Before(t.begins):
		return r.say.early
	}
	return nil
}

// signedBy tells whether the key signed the token.
func (t *token) signedBy(k *key) bool {
	return k.fits&t.algorithm != 0 && t.method.Verify(t.signed, t.signature, k.public) == nil
}

// latest is the last second that has four digits for its year.
const latest = 253402300799

// moment reads a NumericDate; one that is not there is the zero time.
func moment(value any) (at time.Time, given, ok bool) {
	if value == nil {
		return time.Time{}, false, true
	}
	number, isNumber := value.(json.Number)
	if !isNumber {
		return time.Time{}, true, false
	}
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > latest {
		return time.Time{}, true, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true, true
}

// texts is a claim that is text or a list of texts.
func texts(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		list := make([]string, 0, len(value))
		for _, one := range value {
			if text, isText := one.(string); isText {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}

// shallow tells whether a value is nested no deeper than so many levels.
func shallow(value any, levels int) bool {
	if levels == 0 {
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		for _, inner := range value {
			if !shallow(inner, levels-1) {
				return false
			}
		}
	case []any:
		for _, inner := range value {
			if !shallow(inner, levels-1) {
				return false
			}
		}
	}
	return true
}

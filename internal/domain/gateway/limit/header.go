package limit

import (
	"strconv"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// AppendPolicy appends the item of a RateLimit-Policy field
// (draft-ietf-httpapi-ratelimit-headers-11) for a policy: "name";q=100;w=60. The
// items of several policies are separated by ", ".
func AppendPolicy(to []byte, name string, d *exchange.Decision) []byte {
	to = appendString(to, name)
	to = append(to, ";q="...)
	to = strconv.AppendInt(to, d.Limit, 10)
	to = append(to, ";w="...)
	return appendSeconds(to, d.Window)
}

// AppendState appends the item of a RateLimit field for a policy, as
// AppendPolicy does: "name";r=42;t=35, where t is when the whole budget is there
// again.
func AppendState(to []byte, name string, d *exchange.Decision) []byte {
	to = appendString(to, name)
	to = append(to, ";r="...)
	to = strconv.AppendInt(to, max(d.Remaining, 0), 10)
	to = append(to, ";t="...)
	return appendSeconds(to, d.Reset)
}

// AppendReset appends the value of X-RateLimit-Reset: seconds from now, as
// X-RateLimit-Limit and X-RateLimit-Remaining are plain numbers.
func AppendReset(to []byte, d *exchange.Decision) []byte { return appendSeconds(to, d.Reset) }

// AppendRetryAfter appends the value of Retry-After: whole seconds, at least 1.
func AppendRetryAfter(to []byte, d *exchange.Decision) []byte {
	return appendSeconds(to, max(d.RetryAfter, time.Second))
}

// appendSeconds rounds up: who waits as long has waited long enough.
func appendSeconds(to []byte, d time.Duration) []byte {
	whole := d / time.Second
	if d%time.Second > 0 {
		whole++
	}
	return strconv.AppendInt(to, int64(max(whole, 0)), 10)
}

// appendString appends a string of structured fields (RFC 9651): visible ASCII,
// quoted. What it cannot hold becomes "?".
func appendString(to []byte, text string) []byte {
	to = append(to, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ' || c > '~':
			to = append(to, '?')
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

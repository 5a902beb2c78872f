package limit_test

import (
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	d := &exchange.Decision{Limit: 100, Window: time.Minute, Remaining: 42, Reset: 34*time.Second + 1, RetryAfter: 600 * time.Millisecond}
	over := &exchange.Decision{Limit: 5, Window: time.Second, Remaining: -1, Reset: -time.Second, RetryAfter: 90 * time.Second}
	for name, test := range map[string]struct{ got, want []byte }{
		"policy":              {limit.AppendPolicy(nil, "apis/standard", d), []byte(`"apis/standard";q=100;w=60`)},
		"second policy":       {limit.AppendPolicy([]byte(`"a";q=1;w=1, `), `b"\`+"\n", over), []byte(`"a";q=1;w=1, "b\"\\?";q=5;w=1`)},
		"state":               {limit.AppendState(nil, "apis/standard", d), []byte(`"apis/standard";r=42;t=35`)},
		"state of used up":    {limit.AppendState(nil, "b", over), []byte(`"b";r=0;t=0`)},
		"reset":               {limit.AppendReset(nil, d), []byte("35")},
		"retry at once":       {limit.AppendRetryAfter(nil, d), []byte("1")},
		"retry after a while": {limit.AppendRetryAfter(nil, over), []byte("90")},
	} {
		if string(test.got) != string(test.want) {
			t.Errorf("%s: %s, want %s", name, test.got, test.want)
		}
	}
}

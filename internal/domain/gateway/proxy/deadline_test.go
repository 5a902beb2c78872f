package proxy

import (
	"math"
	"testing"
	"time"
)

func TestGRPCTimeout(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"100m": 100 * time.Millisecond, "1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second,
		"99999999n": 99_999_999, "7u": 7 * time.Microsecond, "0S": 0, "99999999H": math.MaxInt64,
		"": -1, "m": -1, "100": -1, "1x": -1, "-1S": -1, "123456789S": -1, "1.5S": -1, "+1S": -1,
	} {
		got, ok := grpcTimeout(value)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %v, %v, want %v", value, got, ok, want)
		}
	}
}

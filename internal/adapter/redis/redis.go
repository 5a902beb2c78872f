// Package redis keeps budgets of requests in a Redis, or what speaks its
// protocol, so that all processes that are given the same one share them.
//
// Redis keeps one number for each budget, the moment at which it is whole again
// by Redis's own clock, and drops it when that has come: memory is that of the
// callers who have spent something. One script reads, decides and writes, so no
// two processes can spend the same request.
package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	client "github.com/redis/go-redis/v9"
)

// prefix is what the names of budgets begin with in Redis.
const prefix = "roadbed:limit:"

// take grants up to ARGV[3] requests that take ARGV[1] microseconds each while
// the budget gets no further ahead than ARGV[2]. It answers how many it granted
// and how far ahead the budget is then. Numbers are doubles: good for a quarter
// of a microsecond until the year 2255.
var take = client.NewScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, tolerance, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local granted = math.max(math.min(math.floor((tolerance - (whole - now)) / interval + 1e-9), want), 0)
if granted > 0 then
  whole = whole + granted * interval
  redis.call('SET', KEYS[1], string.format('%.3f', whole), 'PX', math.max(math.ceil((whole - now) / 1000), 1))
end
return {granted, math.ceil(whole - now)}
`)

// Limits keeps budgets in one Redis. It is for many goroutines at once.
type Limits struct{ redis *client.Client }

// silent says nothing: whoever asks gets the error, and tells it once.
type silent struct{}

// Printf says nothing.
func (silent) Printf(context.Context, string, ...any) {}

// hush keeps the client, of all programs in this process, from writing to the
// standard error.
var hush = sync.OnceFunc(func() { client.SetLogger(silent{}) })

// Open returns Limits at the URL: redis://, rediss:// for TLS, or unix://. It
// connects when it is first asked, so a Redis that is down is no error here.
func Open(url string) (*Limits, error) {
	hush()
	options, err := client.ParseURL(url)
	if err != nil {
		// What the parser says may quote the URL, and the URL has a password.
		return nil, errors.New("the URL of Redis is not as it should be: give redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, or unix://PATH")
	}
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1 // a try that failed may have spent something; the limiter decides what then
	options.DialTimeout, options.DialerRetries = time.Second, 1
	return &Limits{redis: client.NewClient(options)}, nil
}

// Take takes up to want requests from the budget that the key names: each moves
// the moment at which it is whole again by interval, never further ahead than
// tolerance. It says how many were granted and how far ahead that moment is.
func (l *Limits) Take(ctx context.Context, key string, interval, tolerance time.Duration, want int64) (int64, time.Duration, error) {
	answer, err := take.Run(ctx, l.redis, []string{prefix + key}, micros(interval), micros(tolerance), want).Int64Slice()
	if err != nil {
		return 0, 0, fmt.Errorf("asking Redis for %d requests of a budget: %w", want, err)
	}
	if len(answer) != 2 {
		return 0, 0, fmt.Errorf("asking Redis for %d requests of a budget: %d numbers are no answer", want, len(answer))
	}
	return answer[0], time.Duration(answer[1]) * time.Microsecond, nil
}

// processes is the key of those that share the budgets.
const processes = "roadbed:processes"

// join notes that ARGV[1] is here, forgets who was not heard of for ARGV[2]
// milliseconds, and answers how many are left.
var join = client.NewScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`)

// Join says that a process is here, and how many were heard of within a time.
func (l *Limits) Join(ctx context.Context, process string, within time.Duration) (int, error) {
	count, err := join.Run(ctx, l.redis, []string{processes}, process, within.Milliseconds()).Int()
	if err != nil {
		return 0, fmt.Errorf("telling Redis of this process: %w", err)
	}
	return count, nil
}

// Ping tells whether Redis answers.
func (l *Limits) Ping(ctx context.Context) error {
	if err := l.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("reaching Redis: %w", err)
	}
	return nil
}

// Close ends the connections.
func (l *Limits) Close() error {
	if err := l.redis.Close(); err != nil {
		return fmt.Errorf("closing the connections to Redis: %w", err)
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

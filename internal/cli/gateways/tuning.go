package gateways

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// redisVariable is read where no flag says where Redis is.
const redisVariable = "ROADBED_RATE_LIMIT_REDIS_URL"

// Tuning are the flags of every verb that serves Gateways.
type Tuning struct {
	public, redis, spans, maxBody string
	ownFront                      bool
	ratio                         float64
}

// AddTo adds the flags. The prefix is for those whose names would say too little in
// a verb that does more than that.
func (f *Tuning) AddTo(flags *pflag.FlagSet, prefix string) {
	flags.StringVar(&f.public, prefix+"public-address", "", "what the statuses of Gateways say where callers use another address: an IP address or a host name; the same for all processes of a gateway")
	flags.StringVar(&f.redis, "rate-limit-redis-url", "", "Redis that budgets of rate limits are shared by: @ and a file with a redis:// or rediss:// URL, or the URL where it has no password; $"+redisVariable+" when not given, and the process that leads without either")
	flags.BoolVar(&f.ownFront, prefix+"own-front", false, "answer HTTP/1.1 with Roadbed's own strict parser instead of Go's")
	flags.StringVar(&f.maxBody, prefix+"max-body", "", "largest body of a request, such as 10Mi: one that is larger is answered with 413; none when not given. Streams of gRPC have no bound")
	flags.StringVar(&f.spans, "otlp-endpoint", "", "OpenTelemetry collector for spans of sampled requests, such as http://collector:4318; none when not given")
	flags.Float64Var(&f.ratio, "otlp-ratio", 0.01, "share of the traces that begin here and are sampled, 0 to 1; those that callers sample always are")
}

// Read says what the flags and the environment ask for.
func (f *Tuning) Read(getenv func(string) string) (app.GatewayTuning, error) {
	made := app.GatewayTuning{Public: f.public, OwnFront: f.ownFront}
	made.Spans.Endpoint, made.Spans.Ratio = f.spans, f.ratio
	if err := made.Spans.Validate(); err != nil {
		return made, verb.Usagef("--otlp-endpoint, --otlp-ratio: %w", err)
	}
	var err error
	if made.MaxBody, err = bytesOf(f.maxBody); err != nil {
		return made, verb.Usagef("max-body: %w", err)
	}
	made.Redis, err = redisOf(f.redis, getenv)
	return made, err
}

// bytesOf is a quantity in bytes; 0 for none.
func bytesOf(given string) (int64, error) {
	if given == "" {
		return 0, nil
	}
	quantity, err := resource.ParseQuantity(given)
	if err != nil {
		return 0, fmt.Errorf("%q is no quantity such as 10Mi: %w", given, err)
	}
	if bytes := quantity.Value(); bytes > 0 {
		return bytes, nil
	}
	return 0, fmt.Errorf("%q is less than a byte", given)
}

// redisOf is where Redis is. A password on the command line would be everybody's who
// lists processes.
func redisOf(given string, getenv func(string) string) (string, error) {
	if given == "" {
		return getenv(redisVariable), nil
	}
	if file, named := strings.CutPrefix(given, "@"); named {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read where Redis is: %w", err)
		}
		return strings.TrimSpace(string(content)), nil
	}
	at, err := url.Parse(given)
	if err != nil {
		return "", verb.Usagef("--rate-limit-redis-url: must be redis://HOST[:PORT][/DB] or rediss://HOST[:PORT][/DB]")
	}
	if _, secret := at.User.Password(); secret {
		return "", verb.Usagef("--rate-limit-redis-url: a URL with a password is given as @FILE or in $%s, because everybody on the machine sees the command line", redisVariable)
	}
	return given, nil
}

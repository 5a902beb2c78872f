package authn_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good, other := authntest.NewSigner(t, "one"), authntest.NewSigner(t, "one")
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	from := authntest.NewIssuer(t, good)
	config := configOf(policyOf(from))
	a := start(t, clock.RealClock{}, config, nil)
	es := func(header, claims map[string]any) string {
		with := map[string]any{"kid": "one"}
		maps.Copy(with, header)
		return authntest.Sign(t, jwt.SigningMethodES256, good.Key, with, authntest.Claims(from.URL, now, claims))
	}
	public, err := json.Marshal(good.JWK(t))
	if err != nil {
		t.Fatal(err)
	}
	valid := es(nil, nil)
	parts := strings.Split(valid, ".")
	for name, test := range map[string]struct {
		token  string
		want   string // the reason; empty for one that passes
		status int
	}{
		"valid":                {valid, "", 0},
		"one audience as text": {es(nil, map[string]any{"aud": audience}), "", 0},
		"no nbf nor iat":       {es(nil, map[string]any{"nbf": nil, "iat": nil}), "", 0},
		"clocks apart":         {es(nil, map[string]any{"iat": now.Add(5 * time.Second).Unix()}), "", 0},
		"alg none":             {authntest.Sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": "one"}, authntest.Claims(from.URL, now, nil)), authn.ReasonAlgorithm, 401},
		"shared secret":        {authntest.Sign(t, jwt.SigningMethodHS256, []byte("secret"), map[string]any{"kid": "one"}, authntest.Claims(from.URL, now, nil)), authn.ReasonAlgorithm, 401},
		"key confusion":        {authntest.Sign(t, jwt.SigningMethodHS256, public, map[string]any{"kid": "one"}, authntest.Claims(from.URL, now, nil)), authn.ReasonAlgorithm, 401},
		"wrong key type":       {authntest.Sign(t, jwt.SigningMethodRS256, weak, map[string]any{"kid": "one"}, authntest.Claims(from.URL, now, nil)), authn.ReasonKey, 401},
		"another key":          {other.Sign(t, authntest.Claims(from.URL, now, nil)), authn.ReasonSignature, 401},
		"changed":              {parts[0] + "." + strings.Split(es(nil, map[string]any{"sub": "admin"}), ".")[1] + "." + parts[2], authn.ReasonSignature, 401},
		"no signature":         {parts[0] + "." + parts[1] + ".", authn.ReasonSignature, 401},
		"two parts":            {parts[0] + "." + parts[1], authn.ReasonMalformed, 401},
		"five parts":           {valid + ".x.y", authn.ReasonMalformed, 401},
		"no token":             {"", authn.ReasonMalformed, 401},
		"no base64":            {"!." + parts[1] + "." + parts[2], authn.ReasonMalformed, 401},
		"header no JSON":       {"eA." + parts[1] + "." + parts[2], authn.ReasonMalformed, 401},
		"claims no JSON":       {parts[0] + ".eA." + parts[2], authn.ReasonMalformed, 401},
		"too long":             {es(nil, map[string]any{"pad": strings.Repeat("x", 9000)}), authn.ReasonMalformed, 401},
		"critical":             {es(map[string]any{"crit": []string{"b64"}}, nil), authn.ReasonCritical, 401},
		"key id no text":       {es(map[string]any{"kid": 1}, nil), authn.ReasonMalformed, 401},
		"expired":              {es(nil, map[string]any{"exp": now.Add(-time.Minute).Unix()}), authn.ReasonExpired, 401},
		"never ends":           {es(nil, map[string]any{"exp": nil}), authn.ReasonExpired, 401},
		"exp as text":          {es(nil, map[string]any{"exp": "never"}), authn.ReasonMalformed, 401},
		"exp too far":          {es(nil, map[string]any{"exp": 1e300}), authn.ReasonMalformed, 401},
		"not yet":              {es(nil, map[string]any{"nbf": now.Add(time.Hour).Unix()}), authn.ReasonEarly, 401},
		"from the future":      {es(nil, map[string]any{"iat": now.Add(time.Hour).Unix()}), authn.ReasonEarly, 401},
		"wrong audience":       {es(nil, map[string]any{"aud": "https://kubernetes.default.svc"}), authn.ReasonAudience, 401},
		"no audience":          {es(nil, map[string]any{"aud": nil}), authn.ReasonAudience, 401},
		"other issuer":         {es(nil, map[string]any{"iss": "https://example.com"}), authn.ReasonIssuer, 401},
		"no issuer":            {es(nil, map[string]any{"iss": nil}), authn.ReasonIssuer, 401},
		"nobody":               {es(nil, map[string]any{"sub": nil}), authn.ReasonSubject, 401},
		"no tenant":            {es(nil, map[string]any{"kubernetes.io": map[string]any{"namespace": "kube-system"}}), authn.ReasonNoTenant, 403},
		"tenant no text":       {es(nil, map[string]any{"kubernetes.io": map[string]any{"namespace": []string{"shop"}}}), authn.ReasonNoTenant, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // what was refused or taken once is again
				who, refusal := ask(t, a, request(config, bearer(test.token)))
				if test.want == "" {
					if refusal != nil || who.Tenant != "shop" || who.BusinessUnit != "retail" || who.Namespace != "" || who.Kind != gateway.Workload {
						t.Fatalf("refused: %+v, or not of the tenant: %+v", refusal, who)
					}
					continue
				}
				if who != nil || refusal == nil || refusal.Reason != test.want || refusal.Status != test.status {
					t.Fatalf("%+v, %+v: want %d for %s", who, refusal, test.status, test.want)
				}
				if test.status == http.StatusUnauthorized && !strings.Contains(refusal.Challenge, `error="invalid_token"`) {
					t.Errorf("the challenge is %q", refusal.Challenge)
				}
				if strings.Contains(refusal.Detail+refusal.Challenge, from.URL) || strings.Contains(refusal.Detail+refusal.Challenge, audience+`"`+" ") {
					t.Errorf("the refusal tells whom we trust: %q %q", refusal.Detail, refusal.Challenge)
				}
			}
		})
	}
}

func TestCheckKeys(t *testing.T) {
	t.Parallel()
	good := authntest.NewSigner(t, "one")
	encode := base64.RawURLEncoding.EncodeToString
	rsaKey := func(bits uint) string {
		n := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1))
		return `{"keys":[{"kty":"RSA","kid":"a","n":"` + encode(n.Bytes()) + `","e":"AQAB"}]}`
	}
	for name, test := range map[string]struct{ set, want string }{
		"good":           {string(authntest.Set(t, good)), ""},
		"rsa":            {rsaKey(2048), ""},
		"weak rsa":       {rsaKey(1024), "1024 bits"},
		"huge rsa":       {rsaKey(16384), "bits"},
		"shared secret":  {`{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}`, `of the type "oct"`},
		"for encryption": {`{"keys":[{"kty":"RSA","kid":"a","use":"enc"}]}`, "not for verifying"},
		"no point":       {`{"keys":[{"kty":"EC","crv":"P-256","x":"` + encode(make([]byte, 32)) + `","y":"` + encode(make([]byte, 32)) + `"}]}`, "no point"},
		"other curve":    {`{"keys":[{"kty":"EC","crv":"secp256k1"}]}`, "P-256"},
		"other purpose":  {`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"RS256","x":"` + encode(make([]byte, 32)) + `"}]}`, "does not go with it"},
		"empty":          {`{"keys":[]}`, "it is empty"},
		"no JSON":        {`x`, "no JSON"},
	} {
		err := authn.CheckKeys([]byte(test.set))
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

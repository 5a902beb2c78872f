package authn

import (
	"testing"
	"time"
)

func FuzzToken(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJhIiwic3ViIjoiYiIsImV4cCI6MX0.c2ln")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	r := newReader(newRefusals())
	f.Fuzz(func(t *testing.T, raw string) {
		read, refusal := r.read(raw)
		if refusal != nil {
			if refusal.Status != 401 || refusal.Challenge == "" {
				t.Errorf("a bad token is refused with %+v", refusal)
			}
			return
		}
		if read.algorithm == 0 || read.subject == "" || read.ends.IsZero() || read.signed+"." != raw[:len(read.signed)+1] {
			t.Errorf("%q is read as %+v", raw, read)
		}
		_ = r.timely(read, time.Unix(1, 0))
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Fuzz(func(t *testing.T, set []byte) {
		parsed, err := parseKeys(set)
		if err != nil {
			return
		}
		for _, one := range parsed.all {
			if one.fits == 0 || one.public == nil {
				t.Errorf("%q has a key for nothing: %+v", set, one)
			}
		}
		again, err := parseKeys(set)
		if err != nil {
			t.Fatal(err)
		}
		again.succeed(parsed)
		for _, one := range parsed.all {
			if one.gone.Load() {
				t.Errorf("key %q of the same set is gone", one.id)
			}
		}
	})
}

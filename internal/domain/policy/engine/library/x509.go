package library

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/google/cel-go/common/types/ref"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
)

// decodeX509 gives the fields of a PEM certificate, or of a request for one, by
// their names in Go's x509 package: bytes as base64, times as RFC 3339.
func decodeX509(args []ref.Val) (any, error) {
	block, _ := pem.Decode([]byte(text(args[0])))
	if block == nil {
		return nil, errors.New("x509.decode: this is no PEM")
	}
	switch block.Type {
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificate.PublicKey = publicKey(certificate.PublicKey)
		return decoded(certificate)
	case "CERTIFICATE REQUEST":
		request, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			return nil, err
		}
		request.PublicKey = publicKey(request.PublicKey)
		return decoded(request)
	}
	return nil, errors.New("x509.decode: the PEM holds neither a CERTIFICATE nor a CERTIFICATE REQUEST")
}

// publicKey is a key's numbers, as text where they are large.
func publicKey(key any) any {
	switch typed := key.(type) {
	case *rsa.PublicKey:
		return map[string]any{"N": typed.N.String(), "E": typed.E}
	case *ecdsa.PublicKey:
		point, err := typed.Bytes()
		if err != nil {
			return nil
		}
		return map[string]any{"Curve": typed.Params().Name, "Point": point}
	}
	return key
}

func decoded(of any) (any, error) {
	encoded, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	plain := map[string]any{}
	err = k8sjson.Unmarshal(encoded, &plain)
	return plain, err
}

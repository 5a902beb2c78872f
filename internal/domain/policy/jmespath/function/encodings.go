package function

import (
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

// encodings are Kyverno's functions that write and read other notations.
func encodings() []Function {
	return []Function{
		{Name: "base64_decode", Parameters: []Types{String}, Result: String, run: base64Decode},
		{Name: "base64_encode", Parameters: []Types{String}, Result: String, run: base64Encode},
		{Name: "parse_json", Parameters: []Types{String}, Result: Any, run: parseJSON},
		{Name: "parse_yaml", Parameters: []Types{String}, Result: Any, run: parseYAML},
		{Name: "md5", Parameters: []Types{String}, Result: String, run: digest(func(b []byte) []byte { d := md5.Sum(b); return d[:] })},
		{Name: "sha1", Parameters: []Types{String}, Result: String, run: digest(func(b []byte) []byte { d := sha1.Sum(b); return d[:] })},
		{Name: "sha256", Parameters: []Types{String}, Result: String, run: digest(func(b []byte) []byte { d := sha256.Sum256(b); return d[:] })},
		{Name: "x509_decode", Parameters: []Types{String}, Result: Object, run: x509Decode},
	}
}

func base64Decode(_ *Env, arguments []any) (any, error) {
	decoded, err := base64.StdEncoding.DecodeString(str(arguments[0]))
	if err != nil {
		return nil, fmt.Errorf("argument 1 is not base64: %w", err)
	}
	return string(decoded), nil
}

func base64Encode(_ *Env, arguments []any) (any, error) {
	return limited(base64.StdEncoding.EncodeToString([]byte(str(arguments[0]))))
}

func parseJSON(_ *Env, arguments []any) (any, error) {
	var decoded any
	if err := json.Unmarshal([]byte(str(arguments[0])), &decoded); err != nil {
		return nil, fmt.Errorf("argument 1 is not JSON: %w", err)
	}
	return decoded, nil
}

func parseYAML(_ *Env, arguments []any) (any, error) {
	var decoded any
	if err := yaml.Unmarshal([]byte(str(arguments[0])), &decoded); err != nil {
		return nil, fmt.Errorf("argument 1 is not YAML: %w", err)
	}
	return decoded, nil
}

// digest makes a function of a checksum, written in hexadecimal. None of them
// protects anything here: policies make names of them.
func digest(sum func([]byte) []byte) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) {
		return hex.EncodeToString(sum([]byte(str(arguments[0])))), nil
	}
}

// publicKey is an RSA key as policies see it.
type publicKey struct {
	N string
	E int
}

// x509Decode reads a certificate, or a request for one, in PEM, and returns its
// fields as package x509 names them. The public key has N and E if it is RSA,
// and is null otherwise.
func x509Decode(_ *Env, arguments []any) (any, error) {
	block, _ := pem.Decode([]byte(str(arguments[0])))
	if block == nil {
		return nil, errors.New("argument 1 is not PEM")
	}
	switch block.Type {
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("argument 1 is not a certificate: %w", err)
		}
		certificate.PublicKey = plainKey(certificate.PublicKey)
		return asObject(certificate)
	case "CERTIFICATE REQUEST":
		request, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("argument 1 is not a certificate request: %w", err)
		}
		request.PublicKey = plainKey(request.PublicKey)
		return asObject(request)
	default:
		return nil, fmt.Errorf("argument 1 is PEM of type %q, not CERTIFICATE or CERTIFICATE REQUEST", block.Type)
	}
}

func plainKey(key any) any {
	if key, ok := key.(*rsa.PublicKey); ok {
		return publicKey{N: key.N.String(), E: key.E}
	}
	return nil
}

func asObject(v any) (any, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing the certificate as JSON: %w", err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		return nil, fmt.Errorf("reading the certificate as JSON: %w", err)
	}
	return decoded, nil
}

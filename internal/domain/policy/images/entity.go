package images

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// The annotations in which cosign keeps what belongs to a signature.
const (
	signatureAnnotation   = "dev.cosignproject.cosign/signature"
	certificateAnnotation = "dev.sigstore.cosign/certificate"
	logEntryAnnotation    = "dev.sigstore.cosign/bundle"
	timestampAnnotation   = "dev.sigstore.cosign/rfc3161timestamp"
)

// entity is one of cosign's signatures in the terms of sigstore-go.
type entity struct {
	verify.BaseSignedEntity

	certificate *x509.Certificate
	signature   verify.SignatureContent
	entries     []*tlog.Entry
	timestamps  [][]byte
}

// entityOf reads a candidate. Keyed tells that the attestor is a key, so that a
// certificate that came along does not count.
func entityOf(c candidate, keyed bool) (verify.SignedEntity, error) {
	if strings.HasPrefix(c.mediaType, bundleArtifact) {
		var read bundle.Bundle
		if err := read.UnmarshalJSON(c.body); err != nil {
			return nil, fmt.Errorf("the Sigstore bundle cannot be read: %w", err)
		}
		return &read, nil
	}
	e := &entity{}
	if err := e.readSignature(c); err != nil {
		return nil, err
	}
	if err := e.readEvidence(c.annotations, keyed); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *entity) readSignature(c candidate) error {
	if c.mediaType == dsseEnvelope {
		envelope := &dsse.Envelope{}
		if err := json.Unmarshal(c.body, envelope); err != nil {
			return fmt.Errorf("the attestation is no DSSE envelope: %w", err)
		}
		e.signature = &bundle.Envelope{Envelope: envelope}
		return nil
	}
	signature, err := base64.StdEncoding.DecodeString(c.annotations[signatureAnnotation])
	if err != nil || len(signature) == 0 {
		return errors.New("the layer has no signature, or not in base64")
	}
	digest := sha256.Sum256(c.body)
	e.signature = bundle.NewMessageSignature(digest[:], "SHA2_256", signature)
	return nil
}

// readEvidence reads certificate, log entry and timestamp, as far as they are there.
func (e *entity) readEvidence(annotations map[string]string, keyed bool) error {
	if text := annotations[certificateAnnotation]; text != "" && !keyed {
		certificates, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(text))
		if err != nil || len(certificates) == 0 {
			return errors.New("the certificate of the signature is no PEM")
		}
		e.certificate = certificates[0]
	}
	if text := annotations[logEntryAnnotation]; text != "" {
		entry, err := logEntry(text)
		if err != nil {
			return fmt.Errorf("the entry of the transparency log: %w", err)
		}
		e.entries = []*tlog.Entry{entry}
	}
	if text := annotations[timestampAnnotation]; text != "" {
		var stamp struct{ SignedRFC3161Timestamp []byte }
		if err := json.Unmarshal([]byte(text), &stamp); err != nil {
			return fmt.Errorf("the timestamp: %w", err)
		}
		e.timestamps = [][]byte{stamp.SignedRFC3161Timestamp}
	}
	return nil
}

// logEntry reads the promise of a Rekor log as cosign writes it.
func logEntry(text string) (*tlog.Entry, error) {
	var promise struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body           []byte `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"`
		}
	}
	if err := json.Unmarshal([]byte(text), &promise); err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(promise.Payload.LogID)
	if err != nil {
		return nil, fmt.Errorf("log id %q: %w", promise.Payload.LogID, err)
	}
	var kind struct{ APIVersion, Kind string }
	if err := json.Unmarshal(promise.Payload.Body, &kind); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return tlog.ParseTransparencyLogEntry(&rekor.TransparencyLogEntry{
		LogIndex:          promise.Payload.LogIndex,
		LogId:             &common.LogId{KeyId: id},
		KindVersion:       &rekor.KindVersion{Kind: kind.Kind, Version: kind.APIVersion},
		IntegratedTime:    promise.Payload.IntegratedTime,
		InclusionPromise:  &rekor.InclusionPromise{SignedEntryTimestamp: promise.SignedEntryTimestamp},
		CanonicalizedBody: promise.Payload.Body,
	})
}

// HasInclusionPromise tells whether a log promised to include the signature.
func (e *entity) HasInclusionPromise() bool {
	return len(e.entries) > 0 && e.entries[0].HasInclusionPromise()
}

// VerificationContent is the certificate, or the attestor's key.
func (e *entity) VerificationContent() (verify.VerificationContent, error) {
	if e.certificate != nil {
		return bundle.NewCertificate(e.certificate), nil
	}
	return &bundle.PublicKey{}, nil
}

// SignatureContent is the signature with what was signed.
func (e *entity) SignatureContent() (verify.SignatureContent, error) { return e.signature, nil }

// Timestamps are RFC 3161 timestamps.
func (e *entity) Timestamps() ([][]byte, error) { return e.timestamps, nil }

// TlogEntries are the entries of transparency logs.
func (e *entity) TlogEntries() ([]*tlog.Entry, error) { return e.entries, nil }

// Version is that of bundles with no more than a promise.
func (e *entity) Version() (string, error) { return "v0.1", nil }

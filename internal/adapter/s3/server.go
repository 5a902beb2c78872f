package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// patience is how long one request to a store may take.
const patience = 20 * time.Second

// Server administers an object store. It is safe for concurrent use.
type Server struct {
	at     place
	fault  error // why there is none, nil where there is
	client *s3.Client
	http   *http.Client
}

// New returns the store at a URL. Nothing is connected to before it is needed;
// an empty URL, or one that is wrong, is told by Available.
func New(text string) *Server {
	if text == "" {
		return &Server{fault: errors.New("no object store is given")}
	}
	at, err := parse(text)
	if err == nil && at.iam == "" {
		err = errors.New("the URL of the object store names no iam: without it there are no keys that open one bucket alone, and none that open all are handed out")
	}
	if err != nil {
		return &Server{fault: err}
	}
	s := &Server{at: at, http: &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	s.client = s.as(at.access, at.secret)
	return s
}

// as is a client that acts as the holder of a key.
func (s *Server) as(id, secret string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.at.endpoint), Region: s.at.region, UsePathStyle: s.at.path,
		HTTPClient: s.http, Credentials: holder{id, secret},
		RetryMaxAttempts: 1, // whoever calls tries again
		// Stores that are not AWS know the newest checksums often not yet.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// holder holds a key.
type holder struct{ id, secret string }

var _ aws.CredentialsProvider = holder{}

// Retrieve gives the key.
func (h holder) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: h.id, SecretAccessKey: h.secret}, nil
}

// Available is nil when the store answers and lets us in; its error says what to
// do.
func (s *Server) Available(ctx context.Context) error {
	if s.fault != nil {
		return s.fault
	}
	_, err := s.client.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1)})
	switch {
	case err == nil:
		return nil
	case refused(err):
		return fmt.Errorf("the object store %s does not let the platform in: check the key in its URL", s.at.endpoint)
	}
	return fmt.Errorf("the object store %s does not answer: %w", s.at.endpoint, plain(err))
}

// Address is where tenants reach the store.
func (s *Server) Address() (endpoint, region string, pathStyle bool) {
	return s.at.endpoint, s.at.region, s.at.path
}

// codeOf is the code of an error as the store gave it, empty when it gave none.
func codeOf(err error) string {
	if told, is := errors.AsType[smithy.APIError](err); is {
		return told.ErrorCode()
	}
	return ""
}

// statusOf is the status of a store's answer, 0 when there is none.
func statusOf(err error) int {
	type answered interface {
		error
		HTTPStatusCode() int
	}
	if told, is := errors.AsType[answered](err); is {
		return told.HTTPStatusCode()
	}
	return 0
}

func refused(err error) bool {
	return statusOf(err) == http.StatusForbidden || statusOf(err) == http.StatusUnauthorized
}

// unknown says whether an error means that the store does not know the request.
func unknown(err error) bool {
	switch codeOf(err) {
	case "NotImplemented", "MethodNotAllowed", "XNotImplemented", "UnsupportedOperation":
		return true
	}
	return statusOf(err) == http.StatusNotImplemented || statusOf(err) == http.StatusMethodNotAllowed
}

// plain is an error without the ids of requests, which differ each time.
func plain(err error) error {
	if told, is := errors.AsType[smithy.APIError](err); is {
		return fmt.Errorf("%s: %s", told.ErrorCode(), told.ErrorMessage())
	}
	if sent, is := errors.AsType[*smithy.OperationError](err); is {
		return sent.Err
	}
	return err
}

package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	// userPath is the path of our users, by which an administrator can confine us.
	userPath = "/roadbed/"
	// policyName names the policy of our users.
	policyName = "bucket"
	// iamRegion is what requests to IAM are signed for, whatever the store's region.
	iamRegion = "us-east-1"
	// mostAnswer bounds an answer, in bytes.
	mostAnswer = 1 << 20
	// missing is IAM's code for what is not there.
	missing = "NoSuchEntity"
)

// answer is what we read of IAM's answers, which differ in their names only.
type answer struct {
	User struct {
		Tags []struct{ Key, Value string } `xml:"Tags>member"`
	} `xml:"GetUserResult>User"`
	Document string `xml:"GetUserPolicyResult>PolicyDocument"`
	Keys     []struct {
		ID     string    `xml:"AccessKeyId"`
		Status string    `xml:"Status"`
		Made   time.Time `xml:"CreateDate"`
	} `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
	Key struct {
		ID     string `xml:"AccessKeyId"`
		Secret string `xml:"SecretAccessKey"`
	} `xml:"CreateAccessKeyResult>AccessKey"`
}

// refusal is an error of IAM.
type refusal struct {
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
}

// Error is what IAM says.
func (r *refusal) Error() string { return r.Code + ": " + r.Message }

func isCode(err error, code string) bool {
	said, is := errors.AsType[*refusal](err)
	return is && said.Code == code
}

// call asks IAM for an action.
func (s *Server) call(ctx context.Context, action string, fields url.Values) (*answer, error) {
	fields.Set("Action", action)
	fields.Set("Version", "2010-05-08")
	body := []byte(fields.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.at.iam, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("IAM %s: %w", action, err)
	}
	if request.URL.Path == "" {
		request.URL.Path = "/"
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256(body)
	// The time of a signature must be the real one: the other side compares it.
	err = signer.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: s.at.access, SecretAccessKey: s.at.secret},
		request, hex.EncodeToString(sum[:]), "iam", iamRegion, time.Now())
	if err != nil {
		return nil, fmt.Errorf("IAM %s: %w", action, err)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("IAM %s: no answer: %w", action, stripped(err))
	}
	defer func() { _ = response.Body.Close() }() // all of it was read
	text, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("IAM %s: the answer broke off: %w", action, stripped(err))
	}
	return read(action, response.StatusCode, text)
}

// stripped is an error without the URL.
func stripped(err error) error {
	if inner, is := errors.AsType[*url.Error](err); is {
		return inner.Err
	}
	return err
}

// read reads an answer. Its errors do not quote the text, which may hold a key.
func read(action string, status int, text []byte) (*answer, error) {
	if status != http.StatusOK {
		said := &refusal{}
		if xml.Unmarshal(text, said) != nil || said.Code == "" {
			return nil, fmt.Errorf("IAM %s: answered %d", action, status)
		}
		return nil, fmt.Errorf("IAM %s: %w", action, said)
	}
	found := &answer{}
	if xml.Unmarshal(text, found) != nil {
		return nil, fmt.Errorf("IAM %s: the answer is no XML", action)
	}
	return found, nil
}

// EnsureUser makes a user who may use one bucket and nothing else.
func (s *Server) EnsureUser(ctx context.Context, user, name, mark string) error {
	found, err := s.call(ctx, "GetUser", url.Values{"UserName": {user}})
	switch {
	case isCode(err, missing):
		_, err = s.call(ctx, "CreateUser", url.Values{
			"UserName": {user}, "Path": {userPath}, "Tags.member.1.Key": {markTag}, "Tags.member.1.Value": {mark},
		})
		if err != nil && !isCode(err, "EntityAlreadyExists") {
			return err
		}
	case err != nil:
		return err
	case markOf(found) != mark:
		return fmt.Errorf("user %q of the object store exists and is not for this claim: it is left alone", user)
	}
	return s.allow(ctx, user, name)
}

func markOf(found *answer) string {
	for _, tag := range found.User.Tags {
		if tag.Key == markTag {
			return tag.Value
		}
	}
	return ""
}

// allow writes the user's policy where it is not as it should be.
func (s *Server) allow(ctx context.Context, user, name string) error {
	wanted := policy(name)
	found, err := s.call(ctx, "GetUserPolicy", url.Values{"UserName": {user}, "PolicyName": {policyName}})
	if err != nil && !isCode(err, missing) {
		return err
	}
	if err == nil && same(found.Document, wanted) {
		return nil
	}
	_, err = s.call(ctx, "PutUserPolicy", url.Values{"UserName": {user}, "PolicyName": {policyName}, "PolicyDocument": {wanted}})
	return err
}

// same says whether a policy as IAM gives it, escaped as in a URL, is the one
// that is wanted.
func same(escaped, wanted string) bool {
	text, err := url.QueryUnescape(escaped)
	if err != nil {
		return false
	}
	return text == wanted || escaped == wanted
}

// policy lets its user read and write the objects of a bucket. Whatever would let
// others in, or change the bucket, is not in it.
func policy(name string) string {
	type statement struct {
		Sid, Effect string
		Action      []string
		Resource    []string
	}
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{
		{"Bucket", "Allow", []string{
			"s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions",
		}, []string{"arn:aws:s3:::" + name}},
		{"Objects", "Allow", []string{
			"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectTagging", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectAttributes",
			"s3:GetObjectTagging", "s3:GetObjectVersion", "s3:ListMultipartUploadParts", "s3:PutObject", "s3:PutObjectTagging",
		}, []string{"arn:aws:s3:::" + name + "/*"}},
	}})
	if err != nil {
		panic(err) // strings can always be written
	}
	return string(text)
}

// Keys are the ids of a user's keys that work, and since when they are there.
func (s *Server) Keys(ctx context.Context, user string) (map[string]time.Time, error) {
	found, err := s.call(ctx, "ListAccessKeys", url.Values{"UserName": {user}})
	if isCode(err, missing) {
		return map[string]time.Time{}, nil
	}
	if err != nil {
		return nil, err
	}
	live := make(map[string]time.Time, len(found.Keys))
	for _, key := range found.Keys {
		if key.Status != "Inactive" {
			live[key.ID] = key.Made
		}
	}
	return live, nil
}

// MakeKey makes a key.
func (s *Server) MakeKey(ctx context.Context, user string) (id, secret string, err error) {
	made, err := s.call(ctx, "CreateAccessKey", url.Values{"UserName": {user}})
	if err != nil {
		return "", "", err
	}
	if made.Key.ID == "" || made.Key.Secret == "" {
		return "", "", errors.New("IAM CreateAccessKey: there is no key in the answer")
	}
	return made.Key.ID, made.Key.Secret, nil
}

// DropKey ends a key.
func (s *Server) DropKey(ctx context.Context, user, id string) error {
	_, err := s.call(ctx, "DeleteAccessKey", url.Values{"UserName": {user}, "AccessKeyId": {id}})
	if isCode(err, missing) {
		return nil
	}
	return err
}

// DropUser ends a user with all keys.
func (s *Server) DropUser(ctx context.Context, user string) error {
	found, err := s.call(ctx, "ListAccessKeys", url.Values{"UserName": {user}})
	if isCode(err, missing) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, key := range found.Keys {
		if err := s.DropKey(ctx, user, key.ID); err != nil {
			return err
		}
	}
	if _, err := s.call(ctx, "DeleteUserPolicy", url.Values{"UserName": {user}, "PolicyName": {policyName}}); err != nil && !isCode(err, missing) {
		return err
	}
	if _, err := s.call(ctx, "DeleteUser", url.Values{"UserName": {user}}); err != nil && !isCode(err, missing) {
		return err
	}
	return nil
}

// Accepts says whether the store lets the holder of a key into a bucket.
func (s *Server) Accepts(ctx context.Context, name, id, secret string) (bool, error) {
	if id == "" || secret == "" {
		return false, nil
	}
	_, err := s.as(id, secret).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name, MaxKeys: aws.Int32(1)})
	switch {
	case err == nil:
		return true, nil
	case refused(err):
		return false, nil
	}
	return false, told("try the key for bucket %q", name, err)
}

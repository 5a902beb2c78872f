package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// markTag is the tag that says which claim a bucket or user is for.
const markTag = "roadbed-claim"

// EnsureBucket makes a bucket and marks it.
func (s *Server) EnsureBucket(ctx context.Context, name, mark string) error {
	there, err := s.there(ctx, name)
	if err != nil {
		return err
	}
	if !there {
		if err := s.create(ctx, name); err != nil {
			return err
		}
	}
	found, err := s.mark(ctx, name)
	switch {
	case err != nil:
		return err
	case found == mark:
		return nil
	case found != "":
		return fmt.Errorf("bucket %q is for another claim", name)
	}
	if there {
		if err := s.vacant(ctx, name); err != nil {
			return err
		}
	}
	_, err = s.client.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &types.Tagging{
		TagSet: []types.Tag{{Key: aws.String(markTag), Value: &mark}, {Key: aws.String("managed-by"), Value: aws.String("roadbed")}},
	}})
	return told("mark bucket %q", name, err)
}

// told is the error of a request about a bucket; nil for none.
func told(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(doing+": %w", name, plain(err))
}

// there says whether a bucket of ours is there.
func (s *Server) there(ctx context.Context, name string) (bool, error) {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	switch {
	case err == nil:
		return true, nil
	case statusOf(err) == http.StatusNotFound:
		return false, nil
	case refused(err):
		return false, fmt.Errorf("bucket %q exists and is somebody else's", name)
	}
	return false, told("look for bucket %q", name, err)
}

func (s *Server) create(ctx context.Context, name string) error {
	input := &s3.CreateBucketInput{Bucket: &name}
	if s.at.region != defaultRegion { // AWS wants it named everywhere but there
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.at.region)}
	}
	_, err := s.client.CreateBucket(ctx, input)
	if codeOf(err) == "BucketAlreadyOwnedByYou" {
		return nil
	}
	return told("make bucket %q", name, err)
}

// mark is the mark of a bucket, empty for none.
func (s *Server) mark(ctx context.Context, name string) (string, error) {
	tags, err := s.client.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &name})
	if codeOf(err) == "NoSuchTagSet" || codeOf(err) == "NoSuchTagSetError" {
		return "", nil
	}
	if err != nil {
		return "", told("read the mark of bucket %q", name, err)
	}
	for _, tag := range tags.TagSet {
		if aws.ToString(tag.Key) == markTag {
			return aws.ToString(tag.Value), nil
		}
	}
	return "", nil
}

// vacant is the error for a bucket that somebody has put something into.
func (s *Server) vacant(ctx context.Context, name string) error {
	found, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name, MaxKeys: aws.Int32(1)})
	if err != nil {
		return told("look into bucket %q", name, err)
	}
	if len(found.Contents) > 0 {
		return fmt.Errorf("bucket %q exists, bears no mark of a claim and is not empty: it is left alone", name)
	}
	return nil
}

// Settle gives a bucket its settings. Its error wraps errors.ErrUnsupported when
// the store does not know one of them.
func (s *Server) Settle(ctx context.Context, name string, versioning bool, expireAfterDays int) (closed, encrypted bool, err error) {
	if err := s.version(ctx, name, versioning); err != nil {
		return false, false, err
	}
	if err := s.expire(ctx, name, expireAfterDays); err != nil {
		return false, false, err
	}
	if closed, err = s.shut(ctx, name); err != nil {
		return false, false, err
	}
	encrypted, err = s.encrypt(ctx, name)
	return closed, encrypted, err
}

// errNoVersions is for a store that keeps no earlier versions of objects.
var errNoVersions = fmt.Errorf("%w: the platform's object store keeps no earlier versions of objects: set spec.versioning to false", errors.ErrUnsupported)

func (s *Server) version(ctx context.Context, name string, wanted bool) error {
	found, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &name})
	missing := err != nil && (unknown(err) || codeOf(err) == "VersioningNotConfigured")
	switch {
	case missing && !wanted:
		return nil
	case missing:
		return errNoVersions
	case err != nil:
		return told("read the versioning of bucket %q", name, err)
	case wanted == (found.Status == types.BucketVersioningStatusEnabled):
		return nil
	}
	status := types.BucketVersioningStatusEnabled
	if !wanted {
		status = types.BucketVersioningStatusSuspended
	}
	_, err = s.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	})
	return told("set the versioning of bucket %q", name, err)
}

// shut has the store refuse whatever would let the public in; false where the
// store has no such thing.
func (s *Server) shut(ctx context.Context, name string) (bool, error) {
	found, err := s.client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &name})
	if err == nil && found.PublicAccessBlockConfiguration != nil {
		b := found.PublicAccessBlockConfiguration
		if aws.ToBool(b.BlockPublicAcls) && aws.ToBool(b.BlockPublicPolicy) && aws.ToBool(b.IgnorePublicAcls) && aws.ToBool(b.RestrictPublicBuckets) {
			return true, nil
		}
	}
	if err != nil && unknown(err) {
		return false, nil
	}
	if err != nil && statusOf(err) != http.StatusNotFound {
		return false, told("read whether bucket %q is closed to the public", name, err)
	}
	yes := aws.Bool(true)
	_, err = s.client.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &name, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
	}})
	if err != nil && unknown(err) {
		return false, nil
	}
	return err == nil, told("close bucket %q to the public", name, err)
}

// encrypt has the store encrypt what it writes; false where it has no such thing.
func (s *Server) encrypt(ctx context.Context, name string) (bool, error) {
	found, err := s.client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &name})
	if err == nil && found.ServerSideEncryptionConfiguration != nil && len(found.ServerSideEncryptionConfiguration.Rules) > 0 {
		return true, nil
	}
	if err != nil && unknown(err) {
		return false, nil
	}
	if err != nil && statusOf(err) != http.StatusNotFound {
		return false, told("read the encryption of bucket %q", name, err)
	}
	_, err = s.client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
		}},
	}})
	if err != nil && unknown(err) {
		return false, nil
	}
	return err == nil, told("encrypt bucket %q", name, err)
}

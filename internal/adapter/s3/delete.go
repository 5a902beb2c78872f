package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// atOnce is how many pages of a thousand objects one call deletes.
const atOnce = 10

// Delete deletes a bucket with everything in it.
func (s *Server) Delete(ctx context.Context, name, mark string) (done bool, err error) {
	there, err := s.there(ctx, name)
	if err != nil || !there {
		return err == nil, err
	}
	found, err := s.mark(ctx, name)
	switch {
	case err != nil:
		return false, err
	case found == "": // it was never marked, so nothing of ours can be in it
		if err := s.vacant(ctx, name); err != nil {
			return false, err
		}
	case found != mark:
		return false, fmt.Errorf("bucket %q is for another claim", name)
	}
	if err := s.abort(ctx, name); err != nil {
		return false, err
	}
	empty, err := s.empty(ctx, name)
	if err != nil || !empty {
		return false, err
	}
	_, err = s.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name})
	if codeOf(err) == "NoSuchBucket" {
		return true, nil
	}
	return err == nil, told("delete bucket %q", name, err)
}

// empty deletes all versions of objects, or as many as one call may.
func (s *Server) empty(ctx context.Context, name string) (bool, error) {
	for range atOnce {
		doomed, err := s.page(ctx, name)
		if err != nil || len(doomed) == 0 {
			return err == nil, err
		}
		answer, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &name, Delete: &types.Delete{Objects: doomed, Quiet: aws.Bool(true)}})
		if err != nil {
			return false, told("empty bucket %q", name, err)
		}
		if len(answer.Errors) > 0 {
			first := answer.Errors[0]
			return false, fmt.Errorf("empty bucket %q: %d objects stay, the first because of %s: %s", name, len(answer.Errors), aws.ToString(first.Code), aws.ToString(first.Message))
		}
	}
	return false, nil
}

// page is the first page of what is in a bucket.
func (s *Server) page(ctx context.Context, name string) ([]types.ObjectIdentifier, error) {
	versions, err := s.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &name})
	if err != nil && unknown(err) {
		return s.current(ctx, name)
	}
	if err != nil {
		return nil, told("list what is in bucket %q", name, err)
	}
	var found []types.ObjectIdentifier
	for _, each := range versions.Versions {
		found = append(found, types.ObjectIdentifier{Key: each.Key, VersionId: each.VersionId})
	}
	for _, each := range versions.DeleteMarkers {
		found = append(found, types.ObjectIdentifier{Key: each.Key, VersionId: each.VersionId})
	}
	return found, nil
}

// current is page for a store that knows no versions.
func (s *Server) current(ctx context.Context, name string) ([]types.ObjectIdentifier, error) {
	objects, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name})
	if err != nil {
		return nil, told("list what is in bucket %q", name, err)
	}
	var found []types.ObjectIdentifier
	for _, each := range objects.Contents {
		found = append(found, types.ObjectIdentifier{Key: each.Key})
	}
	return found, nil
}

// abort ends uploads that were never finished: their parts would keep the bucket.
func (s *Server) abort(ctx context.Context, name string) error {
	open, err := s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &name})
	if err != nil && unknown(err) {
		return nil
	}
	if err != nil {
		return told("list the unfinished uploads of bucket %q", name, err)
	}
	for _, each := range open.Uploads {
		_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &name, Key: each.Key, UploadId: each.UploadId})
		if err != nil && codeOf(err) != "NoSuchUpload" {
			return told("end an unfinished upload to bucket %q", name, err)
		}
	}
	return nil
}

package s3

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// expiryRule names the rule by which objects are deleted.
	expiryRule = "roadbed-expire"
	// abandoned is after how many days the parts of an upload that was never
	// finished are deleted.
	abandoned = 7
)

// errNoExpiry is for a store that deletes no objects by their age.
var errNoExpiry = fmt.Errorf("%w: the platform's object store deletes no objects by their age: set spec.expireAfterDays to 0", errors.ErrUnsupported)

// expire has objects deleted after so many days; 0 for never.
func (s *Server) expire(ctx context.Context, name string, days int) error {
	found, err := s.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &name})
	missing := err != nil && unknown(err)
	switch {
	case missing && days == 0:
		return nil
	case missing:
		return errNoExpiry
	case err != nil && statusOf(err) != http.StatusNotFound:
		return told("read when objects of bucket %q expire", name, err)
	}
	now := 0
	if err == nil {
		now = daysOf(found.Rules)
	}
	switch {
	case now == days:
		return nil
	case days == 0:
		_, err = s.client.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &name})
	default:
		_, err = s.client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
			Bucket: &name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{rule(days)}},
		})
	}
	if err != nil && unknown(err) {
		return errNoExpiry
	}
	return told("say when objects of bucket %q expire", name, err)
}

func rule(days int) types.LifecycleRule {
	after := aws.Int32(int32(min(days, math.MaxInt32)))
	return types.LifecycleRule{
		ID: aws.String(expiryRule), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		Expiration:                     &types.LifecycleExpiration{Days: after},
		NoncurrentVersionExpiration:    &types.NoncurrentVersionExpiration{NoncurrentDays: after},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(abandoned)},
	}
}

// daysOf is after how many days our rule deletes objects; 0 without one.
func daysOf(rules []types.LifecycleRule) int {
	for _, each := range rules {
		if aws.ToString(each.ID) == expiryRule && each.Status == types.ExpirationStatusEnabled && each.Expiration != nil {
			return int(aws.ToInt32(each.Expiration.Days))
		}
	}
	return 0
}

package s3versions

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/s3err"
)

// MaxDelete is how many versions S3 deletes in one request.
const MaxDelete = 1000

// Delete removes versions and delete markers by Key and VersionID, at most [MaxDelete],
// in one request. Without a VersionID it removes the object of that key, whose versions
// a versioned bucket keeps. It returns what became of each: nil if it is gone, also if
// it was gone before. The other error concerns the whole request; what it removed is
// unknown then.
//
// A server works through a request one key after the other: several small ones at once
// are faster than one large one, and stay clear of timeouts.
func (c *Client) Delete(ctx context.Context, bucket string, versions []Version) ([]error, error) {
	c = c.made()
	if len(versions) > MaxDelete {
		return nil, fmt.Errorf("%w: %d versions to delete in one request, S3 takes %d", ErrInvalid, len(versions), MaxDelete)
	}
	errs := make([]error, len(versions))
	open := make([]int, 0, len(versions)) // indexes not settled yet
	for i := range versions {
		if !xmlSafe(versions[i].Key) {
			// The request body is XML, which cannot express this key.
			errs[i] = c.deleteOne(ctx, bucket, &versions[i])
			continue
		}
		open = append(open, i)
	}
	for attempt := 1; len(open) > 0; attempt++ {
		replies, err := c.postDelete(ctx, bucket, versions, open)
		if err != nil {
			return nil, s3err.Wrap(err, "delete %d versions from bucket %s", len(open), bucket)
		}
		var again []int
		for n, i := range open {
			err := replies[n]
			if err != nil && attempt < c.attempts && transient(err) {
				again = append(again, i)
				continue
			}
			errs[i] = s3err.Wrap(err, "delete")
		}
		if open = again; len(open) > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(c.backoff << min(attempt-1, 5)):
			}
		}
	}
	return errs, nil
}

func (c *Client) deleteOne(ctx context.Context, bucket string, v *Version) error {
	query := url.Values{}
	if v.VersionID != "" {
		query.Set("versionId", v.VersionID)
	}
	err := c.Retry(ctx, bucket, "delete", 0, func(ctx context.Context) error {
		resp, err := c.Send(ctx, Request{Method: http.MethodDelete, Bucket: bucket, Key: v.Key, Query: query})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	if gone(err) {
		return nil
	}
	return s3err.Wrap(err, "delete")
}

// gone reports whether a deletion failed because there is nothing left to delete, as
// after a repeated request.
func gone(err error) bool { return errors.Is(s3err.Classify(err), ErrNoObject) }

type deleteObject struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
}

type deleteRequest struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Delete"`
	Object  []deleteObject
}

type deleteReply struct {
	XMLName xml.Name `xml:"DeleteResult"`
	Deleted []deleteObject
	Error   []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		Code      string
		Message   string
	}
}

var errNotAnswered = errors.New("the server did not say whether it was deleted")

// postDelete sends one request and finds the answer to each of its entries. An entry
// the server says nothing about counts as failed.
func (c *Client) postDelete(ctx context.Context, bucket string, versions []Version, which []int) ([]error, error) {
	req := deleteRequest{Object: make([]deleteObject, len(which))}
	for n, i := range which {
		req.Object[n] = deleteObject{versions[i].Key, versions[i].VersionID}
	}
	body, err := xml.Marshal(req)
	if err != nil {
		return nil, err
	}
	var reply deleteReply
	err = c.Retry(ctx, bucket, "delete versions", 0, func(ctx context.Context) error {
		resp, err := c.Send(ctx, Request{
			Method: http.MethodPost, Bucket: bucket, Query: url.Values{"delete": {""}}, Body: body,
		})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var data bytes.Buffer
		if _, err := data.ReadFrom(resp.Body); err != nil {
			return err
		}
		if err := errorInside(data.Bytes()); err != nil {
			return err
		}
		reply = deleteReply{}
		if err := xml.Unmarshal(data.Bytes(), &reply); err != nil {
			return fmt.Errorf("%w: %v", ErrTruncated, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return reply.match(bucket, req.Object), nil
}

func (r *deleteReply) match(bucket string, objects []deleteObject) []error {
	answers := make(map[deleteObject]error, len(objects))
	for _, d := range r.Deleted {
		answers[deleteObject{d.Key, d.VersionID}] = nil
	}
	for _, e := range r.Error {
		err := error(minio.ErrorResponse{Code: e.Code, Message: e.Message, Key: e.Key, BucketName: bucket})
		if gone(err) {
			err = nil
		}
		answers[deleteObject{e.Key, e.VersionID}] = err
	}
	byKey := make(map[string]error) // for those without a version ID: servers add one
	for o, err := range answers {
		byKey[o.Key] = err
	}
	errs := make([]error, len(objects))
	for n, o := range objects {
		err, ok := answers[o]
		if !ok && o.VersionID == "" {
			err, ok = byKey[o.Key]
		}
		if !ok {
			err = errNotAnswered
		}
		errs[n] = err
	}
	return errs
}

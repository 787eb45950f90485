package s3state

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
)

// A server works through a batch one key after the other. Small batches, many
// at once, are faster on Ceph and stay clear of timeouts.
const (
	batchSize    = 250
	batchWorkers = 16
)

// doomed is a version to be removed.
type doomed struct {
	key, version string
	size         int64
	marker       bool
	state        bool // a saved state, to be counted as one
}

// removeBatch deletes versions by id, and returns what became of each: nil if
// it is gone. The error is one that met the whole request.
func (s *Store) removeBatch(ctx context.Context, bucket string, batch []doomed, ev *reporter) ([]error, error) {
	errs := make([]error, len(batch))
	open := make([]int, 0, len(batch)) // indexes not settled yet
	for i := range batch {
		if !xmlSafe(batch[i].key) {
			// The request body is XML, which cannot say this key.
			errs[i] = s.removeOne(ctx, bucket, batch[i], ev)
			continue
		}
		open = append(open, i)
	}
	for attempt := 1; len(open) > 0; attempt++ {
		replies, err := s.postDelete(ctx, bucket, batch, open, ev)
		if err != nil {
			return nil, wrap(err, "delete %d versions from bucket %s", len(open), bucket)
		}
		var again []int
		for n, i := range open {
			err := replies[n]
			if err != nil && attempt < s.attempts && transient(err) {
				again = append(again, i)
				continue
			}
			errs[i] = wrap(err, "delete")
		}
		if open = again; len(open) > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(s.backoff << min(attempt-1, 5)):
			}
		}
	}
	return errs, nil
}

func (s *Store) removeOne(ctx context.Context, bucket string, d doomed, ev *reporter) error {
	err := s.retry(ctx, bucket, "delete", s.timeout, ev, func(ctx context.Context) error {
		resp, err := s.sendKey(ctx, http.MethodDelete, bucket, d.key, url.Values{"versionId": {d.version}}, nil, nil)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	if gone(err) {
		return nil
	}
	return wrap(err, "delete")
}

// gone tells whether a deletion failed because there is nothing left to
// delete, as after a repeated request.
func gone(err error) bool {
	switch code(err) {
	case "NoSuchVersion", "NoSuchKey":
		return true
	}
	return false
}

type deleteObject struct {
	Key       string
	VersionID string `xml:"VersionId"`
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

// postDelete sends one batch and finds the answer to each of its entries. An
// entry the server says nothing about counts as failed.
func (s *Store) postDelete(ctx context.Context, bucket string, batch []doomed, which []int, ev *reporter) ([]error, error) {
	req := deleteRequest{Object: make([]deleteObject, len(which))}
	for n, i := range which {
		req.Object[n] = deleteObject{batch[i].key, batch[i].version}
	}
	body, err := xml.Marshal(req)
	if err != nil {
		return nil, err
	}
	var reply deleteReply
	err = s.retry(ctx, bucket, "delete versions", s.timeout, ev, func(ctx context.Context) error {
		r, err := s.send(ctx, http.MethodPost, bucket, url.Values{"delete": {""}}, body)
		if err != nil {
			return err
		}
		defer r.Close()
		var data bytes.Buffer
		if _, err := data.ReadFrom(r); err != nil {
			return err
		}
		if err := errorInside(data.Bytes()); err != nil {
			return err
		}
		reply = deleteReply{}
		if err := xml.Unmarshal(data.Bytes(), &reply); err != nil {
			return fmt.Errorf("%w: %v", errTruncatedReply, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answers := make(map[deleteObject]error, len(which))
	for _, d := range reply.Deleted {
		answers[deleteObject{d.Key, d.VersionID}] = nil
	}
	for _, e := range reply.Error {
		err := error(minio.ErrorResponse{Code: e.Code, Message: e.Message, Key: e.Key, BucketName: bucket})
		if gone(err) {
			err = nil
		}
		answers[deleteObject{e.Key, e.VersionID}] = err
	}
	out := make([]error, len(which))
	for n, o := range req.Object {
		err, ok := answers[o]
		if !ok {
			err = fmt.Errorf("the server did not say whether it was deleted")
		}
		out[n] = err
	}
	return out, nil
}

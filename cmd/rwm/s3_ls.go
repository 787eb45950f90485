package main

import (
	"time"

	"github.com/cesnet/rwm/s3versions"
)

type s3LsCmd struct {
	Place     string `arg:"" optional:"" name:"s3-url" help:"s3://BUCKET or s3://BUCKET/PREFIX; none lists the identity's own buckets."`
	Recursive bool   `short:"r" help:"All objects below, not only up to the next slash."`
}

func (c s3LsCmd) Run(a *app) error {
	if c.Place == "" {
		return a.listBuckets()
	}
	tool, at, err := a.onObject(c.Place, "")
	if err != nil {
		return err
	}
	for e, err := range tool.List(a.ctx, at, c.Recursive) {
		if err != nil {
			return a.s3Failed(err)
		}
		if a.cli.JSON {
			if err := a.emit(newJSONEntry(e)); err != nil {
				return err
			}
			continue
		}
		a.printf("%19s %12s  %s\n", timeOrNone(e.LastModified), sizeOr(e.Prefix, e.Size), printable(e.Key))
	}
	return nil
}

func (a *app) listBuckets() error {
	tool, err := a.s3()
	if err != nil {
		return err
	}
	buckets, err := tool.Buckets(a.ctx)
	if err != nil {
		return a.s3Failed(err)
	}
	for _, b := range buckets {
		if a.cli.JSON {
			err = a.emit(struct {
				Name    string    `json:"name"`
				Created time.Time `json:"created"`
			}(b))
			if err != nil {
				return err
			}
			continue
		}
		a.printf("%19s  %s\n", timeOrNone(b.Created), b.Name)
	}
	return nil
}

type jsonEntry struct {
	Key          string     `json:"key"`
	Prefix       bool       `json:"prefix,omitempty"`
	Size         int64      `json:"size"`
	LastModified *time.Time `json:"last_modified,omitempty"`
	ETag         string     `json:"etag,omitempty"`
	StorageClass string     `json:"storage_class,omitempty"`
}

func newJSONEntry(e s3versions.Object) jsonEntry {
	out := jsonEntry{Key: e.Key, Prefix: e.Prefix, Size: e.Size, ETag: e.ETag, StorageClass: e.StorageClass}
	if !e.Prefix {
		out.LastModified = &e.LastModified
	}
	return out
}

func timeOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return formatTime(t)
}

func sizeOr(prefix bool, size int64) string {
	if prefix {
		return "PREFIX"
	}
	return formatBytes(size)
}

package main

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

type s3StatCmd struct {
	Place string `arg:"" name:"s3-url" help:"s3://BUCKET/KEY."`
	s3Version
}

func (c s3StatCmd) Run(a *app) error {
	tool, at, err := a.onObject(c.Place, c.VersionID)
	if err != nil {
		return err
	}
	o, err := tool.Stat(a.ctx, at)
	if err != nil {
		return a.s3Failed(err)
	}
	if a.cli.JSON {
		return a.emit(jsonObject{
			Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID, Size: o.Size, LastModified: o.LastModified,
			ETag: o.ETag, ContentType: o.ContentType, StorageClass: o.StorageClass, Metadata: o.Metadata,
		})
	}
	a.field("Bucket", o.Bucket)
	a.field("Key", printable(o.Key))
	a.field("Version", cmp.Or(o.VersionID, "none, the bucket has no versioning"))
	a.printf("%-22s %d (%s)\n", "Size:", o.Size, formatBytes(o.Size))
	a.field("Last modified", formatTime(o.LastModified))
	a.field("ETag", o.ETag)
	a.field("Content type", cmp.Or(o.ContentType, "-"))
	a.field("Storage class", cmp.Or(o.StorageClass, "STANDARD"))
	for _, name := range slices.Sorted(maps.Keys(o.Metadata)) {
		a.field("Metadata "+printable(name), printable(o.Metadata[name]))
	}
	return nil
}

type jsonObject struct {
	Bucket       string            `json:"bucket"`
	Key          string            `json:"key"`
	VersionID    string            `json:"version_id,omitempty"`
	Size         int64             `json:"size"`
	LastModified time.Time         `json:"last_modified"`
	ETag         string            `json:"etag"`
	ContentType  string            `json:"content_type,omitempty"`
	StorageClass string            `json:"storage_class,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
}

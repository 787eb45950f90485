package main

import (
	"strings"
	"time"
)

type s3VersionsCmd struct {
	Place string `arg:"" name:"s3-url" help:"s3://BUCKET or s3://BUCKET/PREFIX."`
}

func (s3VersionsCmd) Help() string {
	return "Newest first within a key. The star marks what a plain GET sees."
}

func (c s3VersionsCmd) Run(a *app) error {
	tool, at, err := a.onObject(c.Place, "")
	if err != nil {
		return err
	}
	for v, err := range tool.Versions(a.ctx, at) {
		if err != nil {
			return a.s3Failed(err)
		}
		if a.cli.JSON {
			err := a.emit(jsonVersion{
				Key: v.Key, VersionID: v.VersionID, Latest: v.IsLatest, DeleteMarker: v.DeleteMarker,
				LastModified: v.LastModified, Size: v.Size, ETag: strings.Trim(v.ETag, `"`), Owner: v.Owner.ID,
			})
			if err != nil {
				return err
			}
			continue
		}
		size := formatBytes(v.Size)
		if v.DeleteMarker {
			size = "DELETED"
		}
		a.printf("%s %19s %12s  %-32s  %s\n", yesNo(v.IsLatest, "*", " "), formatTime(v.LastModified), size, v.VersionID, printable(v.Key))
	}
	return nil
}

type jsonVersion struct {
	Key          string    `json:"key"`
	VersionID    string    `json:"version_id"`
	Latest       bool      `json:"latest"`
	DeleteMarker bool      `json:"delete_marker"`
	LastModified time.Time `json:"last_modified"`
	Size         int64     `json:"size"`
	ETag         string    `json:"etag,omitempty"`
	Owner        string    `json:"owner,omitempty"`
}

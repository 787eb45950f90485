// Package s3tool does the low-level work around backups on any S3 server: list, copy,
// read, remove and describe objects and their versions.
//
// Call [New] with the *minio.Client the program uses anyway, then [Tool.List],
// [Tool.Versions], [Tool.Copy], [Tool.Cat], [Tool.Stat], [Tool.Remove],
// [Tool.MakeBucket] or [Tool.RemoveBucket]. A [Location] names a bucket or an object,
// in text "s3://BUCKET/KEY".
//
// Large files go up in parts. An interrupted upload or download continues where it
// stopped when it is called again: the parts on the server, or the partial file on
// disk, are compared with what they should be, and only the rest is transferred.
//
// Operations on many objects continue after a failure and return a [*PartialError] that
// names each one.
package s3tool

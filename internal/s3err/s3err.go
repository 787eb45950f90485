// Package s3err classifies the answers of S3 servers, in one place for all packages.
//
// Each cause has one sentinel. The public packages export it under their own names:
// restic.ErrNoBucket, s3state.ErrNoBucket and s3tool.ErrNoBucket are one value, so
// errors.Is finds a cause in the errors of every package.
//
//	causes.go     the sentinels
//	classify.go   which answer is which cause, and which failure is transient
//	wrap.go       errors that carry a cause and the server's answer
package s3err

package resticflags

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cesnet/rwm/restic"
)

// SessionOptions are the options of restic.Open and restic.Init that the flags
// amount to. Which repository and which password is the caller's business.
func (a *Access) SessionOptions() ([]restic.Option, error) {
	var opts []restic.Option
	if a.NoLock {
		opts = append(opts, restic.WithoutLock())
	}
	switch {
	case a.NoCache:
		opts = append(opts, restic.WithoutCache())
	case a.CacheDir != "":
		opts = append(opts, restic.WithCacheDir(a.CacheDir))
	}
	if a.KeyHint != "" {
		opts = append(opts, restic.WithKeyHint(a.KeyHint))
	}
	if a.InsecureNoPassword {
		opts = append(opts, restic.WithEmptyPassword())
	}
	if a.Compression != "" {
		compression, err := restic.ParseCompression(a.Compression)
		if err != nil {
			return nil, err
		}
		opts = append(opts, restic.WithCompression(compression))
	}
	if a.PackSize != 0 {
		opts = append(opts, restic.WithPackSize(a.PackSize<<20))
	}
	if a.NoExtraVerify {
		opts = append(opts, restic.WithoutExtraVerify())
	}
	if a.LimitUpload != 0 || a.LimitDownload != 0 {
		opts = append(opts, restic.WithLimits(a.LimitUpload, a.LimitDownload))
	}
	if a.RetryLock != "" {
		wait, err := duration("--retry-lock", a.RetryLock)
		if err != nil {
			return nil, err
		}
		opts = append(opts, restic.WithRetryLock(wait))
	}
	if a.StuckRequestTimeout != "" {
		after, err := duration("--stuck-request-timeout", a.StuckRequestTimeout)
		if err != nil {
			return nil, err
		}
		opts = append(opts, restic.WithStallTimeout(after))
	}
	for _, option := range a.Option {
		opt, err := extended(option)
		if err != nil {
			return nil, err
		}
		opts = append(opts, opt)
	}
	return opts, nil
}

func duration(flag, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is not a duration like 30s, 5m or 2h", flag, value)
	}
	return d, nil
}

// S3 is what the options of the kind -o s3.… say about reaching a bucket.
type S3 struct {
	Region, BucketLookup string
	Retries              int  // 0: the default
	Anonymous            bool // requests are not signed
}

// TakeS3 takes these options out. Those left over are for SessionOptions.
func (a *Access) TakeS3() (S3, error) {
	var s S3
	var rest []string
	for _, option := range a.Option {
		switch key, value := keyValue(option); key {
		case "s3.region":
			s.Region = value
		case "s3.bucket-lookup":
			if !slices.Contains([]string{"auto", "dns", "path"}, value) {
				return s, fmt.Errorf("-o %s: auto, dns or path is needed", option)
			}
			s.BucketLookup = value
		case "s3.retries":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil || n == 0 {
				return s, fmt.Errorf("-o %s: a number of attempts is needed", option)
			}
			s.Retries = int(n)
		case "s3.unsafe-anonymous-auth":
			yes, err := strconv.ParseBool(value)
			if err != nil {
				return s, fmt.Errorf("-o %s: true or false is needed", option)
			}
			s.Anonymous = yes
		default:
			rest = append(rest, option)
		}
	}
	a.Option = rest
	return s, nil
}

func keyValue(option string) (key, value string) {
	key, value, _ = strings.Cut(option, "=")
	return strings.TrimSpace(key), strings.TrimSpace(value)
}

// extended reads one -o. restic's extended options are those of its backends.
func extended(option string) (restic.Option, error) {
	switch key, value := keyValue(option); key {
	case "s3.connections", "local.connections":
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("-o %s: a number of connections is needed", option)
		}
		return restic.WithConnections(uint(n)), nil
	case "s3.storage-class":
		return restic.WithStorageClass(value), nil
	case "s3.region", "s3.bucket-lookup", "s3.retries", "s3.unsafe-anonymous-auth": // extras of the configured backups
		return nil, fmt.Errorf("-o %s: this is for a repository that is named with -r s3:…, not for the configured one", option)
	}
	return nil, fmt.Errorf("-o %s: there is no such option here; rwm restic options lists those there are", option)
}

package resticflags

import (
	"fmt"
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
	extended, err := extendedOptions(a.Option)
	if err != nil {
		return nil, err
	}
	for _, option := range extended {
		opt, err := option.session()
		if err != nil {
			return nil, err
		}
		if opt != nil {
			opts = append(opts, opt)
		}
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

package resticflags

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
)

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
	options, err := extendedOptions(a.Option)
	if err != nil {
		return s, err
	}
	for _, option := range options {
		switch option.key {
		case "s3.region":
			s.Region = option.value
		case "s3.bucket-lookup":
			if !slices.Contains([]string{"auto", "dns", "path"}, option.value) {
				return s, fmt.Errorf("-o %s: auto, dns or path is needed", option)
			}
			s.BucketLookup = option.value
		case "s3.retries":
			n, err := strconv.ParseUint(option.value, 10, 16)
			if err != nil || n == 0 {
				return s, fmt.Errorf("-o %s: a number of attempts is needed", option)
			}
			s.Retries = int(n)
		case "s3.unsafe-anonymous-auth":
			yes, err := strconv.ParseBool(option.value)
			if err != nil {
				return s, fmt.Errorf("-o %s: true or false is needed", option)
			}
			s.Anonymous = yes
		default:
			rest = append(rest, option.String())
		}
	}
	a.Option = rest
	return s, nil
}

// MinioOptions adds what they say to the options of a client. It uses path-style
// addressing and tries a request twice unless they say otherwise.
func (s S3) MinioOptions(o minio.Options) *minio.Options {
	o.BucketLookup = map[string]minio.BucketLookupType{
		"": minio.BucketLookupPath, "path": minio.BucketLookupPath,
		"dns": minio.BucketLookupDNS, "auto": minio.BucketLookupAuto,
	}[s.BucketLookup]
	o.Region, o.MaxRetries = s.Region, cmp.Or(s.Retries, 2)
	return &o
}

// extendedOption is one -o. restic's extended options are those of its backends.
type extendedOption struct{ key, value string }

func (o extendedOption) String() string { return o.key + "=" + o.value }

// otherBackends begin the options that say nothing about a repository of this program.
// restic ignores those of a backend that it does not use, and so do wrappers that give
// them all.
var otherBackends = []string{"azure.", "b2.", "gs.", "rclone.", "rest.", "sftp.", "swift."}

// extendedOptions reads them as restic does: several may stand in one value, separated
// by commas, the case of the keys does not matter, and a key has one value.
func extendedOptions(list []string) (options []extendedOption, err error) {
	for _, text := range list {
		items, err := csv.NewReader(strings.NewReader(text)).Read()
		if err != nil {
			items = []string{text}
		}
		for _, item := range items {
			key, value, _ := strings.Cut(item, "=")
			o := extendedOption{strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)}
			before := slices.IndexFunc(options, func(b extendedOption) bool { return b.key == o.key })
			switch {
			case slices.ContainsFunc(otherBackends, func(name string) bool { return strings.HasPrefix(o.key, name) }):
			case before < 0:
				options = append(options, o)
			case options[before] != o:
				return nil, fmt.Errorf("-o %s: there is another value for it, %s", o, options[before].value)
			}
		}
	}
	return options, nil
}

// session makes an option of a session of it, or nil if there is nothing to do.
func (o extendedOption) session() (restic.Option, error) {
	switch o.key {
	case "s3.connections", "local.connections":
		n, err := strconv.ParseUint(o.value, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("-o %s: a number of connections is needed", o)
		}
		return restic.WithConnections(uint(n)), nil
	case "s3.storage-class":
		return restic.WithStorageClass(o.value), nil
	case "s3.layout": // restic does not look at its value any more
		return nil, nil
	case "s3.list-objects-v1": // a server that needs it is recognised
		if _, err := strconv.ParseBool(o.value); err != nil {
			return nil, fmt.Errorf("-o %s: true or false is needed", o)
		}
		return nil, nil
	}
	return nil, fmt.Errorf("-o %s: there is no such option here; rwm restic options lists those there are", o)
}

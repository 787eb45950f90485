// Package s3config judges what configurations say about an S3 service: one rule for
// rwm.conf and the keeper's file.
package s3config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// Endpoint reads an endpoint URL. Its errors do not repeat the URL, which may contain
// credentials.
func Endpoint(endpoint string) (*url.URL, error) {
	_, address, scheme := strings.Cut(endpoint, "://")
	if strings.TrimSpace(endpoint) != endpoint {
		return nil, errors.New("has a blank before or after it")
	}
	if strings.Count(address, ":") > 1 && !strings.ContainsAny(address, "[]@/?#") {
		return nil, errors.New("is not a URL: an IPv6 address stands in brackets, as in http://[::1]:9000")
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil && scheme:
		return nil, errors.New("is not a URL")
	case err != nil:
		return nil, errors.New("must be a URL that begins with https:// or http://")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must be a URL that begins with https:// or http://")
	case u.Host == "" || u.Hostname() == "":
		return nil, errors.New("has no host name")
	case strings.Contains(u.Hostname(), "%"): // the S3 client cannot say it in a request
		return nil, errors.New("must not have the zone of an IPv6 address (%): give a host name or a global address")
	case !validPort(u.Port()):
		return nil, errors.New("has a port that is not between 1 and 65535")
	case u.User != nil:
		return nil, errors.New("must not contain credentials; they have keys of their own")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must have nothing after the host and port; the bucket has a key of its own")
	}
	return u, nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// Bucket refuses names that the S3 client refuses at the first request. What else a
// server forbids is for the server to say.
func Bucket(name string) error {
	switch err := s3utils.CheckValidBucketName(name); {
	case err == nil:
		return nil
	case strings.Contains(name, "/"):
		return fmt.Errorf("%q is not the name of a bucket: it must not contain a slash; what is stored is at the bucket's root", name)
	default:
		return fmt.Errorf("%q is not the name of a bucket: %w", name, err)
	}
}

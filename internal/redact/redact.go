// Package redact takes secrets out of text that is about to be logged or printed.
package redact

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// harmless are the parameters of S3 requests whose values say what was asked for.
// Values of all others stay out: a presigned URL is a key to the object it names.
var harmless = []string{
	"continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "list-type", "marker", "max-keys",
	"max-parts", "max-uploads", "partnumber", "part-number-marker", "prefix", "start-after", "upload-id-marker", "uploadid",
	"version-id-marker", "versionid", "location",
}

// hidden stands for what was taken out.
const hidden = "***"

// Query returns the query of a URL without values that could be used.
func Query(raw string) string {
	if raw == "" {
		return ""
	}
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, value, found := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = ""
		}
		if found && value != "" && !slices.Contains(harmless, strings.ToLower(plain)) {
			parts[i] = name + "=" + hidden
		}
	}
	return strings.Join(parts, "&")
}

var (
	// credentials of signed URLs and headers, of signature version 2 and 4.
	signed = regexp.MustCompile(`(?i)((?:x-amz-(?:signature|credential|security-token)|x-amz-server-side-encryption[a-z-]*-key|` +
		`awsaccesskeyid|signature|credential|sessiontoken)["']?\s*[=:]\s*["']?)[^&\s"',;<>]+`)
	authorization = regexp.MustCompile(`(?i)(authorization["']?\s*[=:]\s*["']?)(?:aws4-[a-z0-9-]+ [^"'\n]*|aws [^"'\s]+|[a-z]+ [^"'\s]+)`)
	// userinfo is the name and password before the host of a URL.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'@?#]+@`)
)

// Text returns text without the signatures, credentials and tokens of signed requests,
// and without the name and password of URLs.
func Text(text string) string {
	if !strings.ContainsAny(text, "=:@") {
		return text
	}
	text = authorization.ReplaceAllString(text, "${1}"+hidden)
	text = signed.ReplaceAllString(text, "${1}"+hidden)
	return userinfo.ReplaceAllString(text, "${1}"+hidden+"@")
}

package s3dev

import (
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api/utils"
)

// The front end refuses keys that would leave the bucket if it were a
// directory ("../x", ".", "a/.."), all of them legal in S3 and of interest to
// an attacker. Such keys travel through it in armor, hex behind a prefix. The
// signature is checked against the path as it came.
const armorPrefix = "~s3dev-armored~"

func needsArmor(key string) bool {
	return key != "" && (!utils.IsObjectNameValid(key) || strings.HasPrefix(key, armorPrefix))
}

func armor(key string) string { return armorPrefix + hex.EncodeToString([]byte(key)) }

// disarm gives back the key the client meant.
func disarm(key string) string {
	if coded, ok := strings.CutPrefix(key, armorPrefix); ok {
		if plain, err := hex.DecodeString(coded); err == nil {
			return string(plain)
		}
	}
	return key
}

// originalPath is where the front end looks for the path that was signed,
// unescaped, should its routing path differ.
const originalPath = utils.ContextKey("original-uri-path")

// splitPath gives the bucket and the key of a request's path as sent.
func splitPath(raw []byte) (bucket, key string, err error) {
	path, err := url.PathUnescape(string(raw))
	if err != nil {
		return "", "", err
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key, nil
}

// armorCopySource puts the source of a copy into armor where its key needs
// it. It must be called after the signature was checked, since that header is
// signed, and before the front end looks at it.
func armorCopySource(rc *fasthttp.RequestCtx) {
	const header, done = "X-Amz-Copy-Source", "s3dev-source-armored"
	if rc == nil || rc.UserValue(done) != nil {
		return
	}
	rc.SetUserValue(done, true)
	raw := string(rc.Request.Header.Peek(header))
	if raw == "" {
		return
	}
	src, err := parseSource(raw)
	if err != nil || !needsArmor(src.key) && !strings.Contains(src.key, "?versionId=") {
		return
	}
	value := url.QueryEscape(src.bucket) + "/" + armor(src.key)
	if src.versionID != "" {
		value += "?versionId=" + url.QueryEscape(src.versionID)
	}
	rc.Request.Header.Set(header, value)
}

package s3err_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
	"github.com/cesnet/rwm/s3versions"
)

// calls are what each package does at a server, by its name.
type calls map[string]func(ctx context.Context, client *minio.Client) error

var (
	reading = calls{
		"s3versions": func(ctx context.Context, c *minio.Client) error {
			for _, err := range s3versions.New(c, s3versions.WithRetries(2, 0)).Versions(ctx, "bucket", "") {
				return err
			}
			return nil
		},
		"s3state": func(ctx context.Context, c *minio.Client) error {
			_, err := s3state.New(c, s3state.WithRetries(2, 0)).CheckPolicy(ctx, "bucket")
			return err
		},
		"s3state states": func(ctx context.Context, c *minio.Client) error {
			_, err := s3state.New(c, s3state.WithRetries(2, 0)).Capture(ctx, "bucket", io.Discard, s3state.CaptureOptions{})
			return err
		},
		"s3tool": func(ctx context.Context, c *minio.Client) error {
			for _, err := range s3tool.New(c).List(ctx, s3tool.Location{Bucket: "bucket"}, true) {
				return err
			}
			return nil
		},
		"restic": func(ctx context.Context, c *minio.Client) error {
			_, err := restic.Open(ctx, restic.S3(c, "bucket", ""), "password", restic.WithoutCache())
			return err
		},
	}
	makingBucket = calls{
		"s3state": func(ctx context.Context, c *minio.Client) error {
			_, err := s3state.New(c, s3state.WithRetries(1, 0)).Create(ctx, "bucket", "host", s3state.CreateOptions{})
			return err
		},
		"s3tool": func(ctx context.Context, c *minio.Client) error {
			return s3tool.New(c).MakeBucket(ctx, "bucket", false)
		},
	}
	removingBucket = calls{
		"s3state": func(ctx context.Context, c *minio.Client) error {
			_, err := s3state.New(c, s3state.WithRetries(1, 0)).Delete(ctx, "bucket", s3state.DeleteOptions{})
			return err
		},
		"s3tool": func(ctx context.Context, c *minio.Client) error { return s3tool.New(c).RemoveBucket(ctx, "bucket") },
	}
	readingObject = calls{
		"s3state": func(ctx context.Context, c *minio.Client) error {
			_, err := s3state.New(c, s3state.WithRetries(1, 0)).OpenState(ctx, "bucket", "rwm/state_x.json.gz", "v")
			return err
		},
		"s3tool": func(ctx context.Context, c *minio.Client) error {
			return s3tool.New(c).Cat(ctx, s3tool.Location{Bucket: "bucket", Key: "key"}, io.Discard)
		},
	}
)

// answer is a server that gives one error wherever it matters.
type answer struct {
	status int
	code   string
	only   string // the method that gets it; "" for all
}

func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case a.only == "" || r.Method == a.only && len(q) == 0:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(a.status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", a.code)
		}
	case r.Method == http.MethodHead && a.only == http.MethodPut:
		w.WriteHeader(http.StatusNotFound)
	case q.Has("acl"):
		fmt.Fprint(w, `<AccessControlPolicy><Owner><ID>t$admin</ID></Owner><AccessControlList/></AccessControlPolicy>`)
	case q.Has("versions"):
		fmt.Fprint(w, `<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>`)
	case q.Has("object-lock"):
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>`)
	case q.Has("uploads"):
		fmt.Fprint(w, `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>`)
	case strings.Trim(r.URL.Path, "/") == "":
		fmt.Fprint(w, `<ListAllMyBucketsResult><Owner><ID>t$admin</ID></Owner><Buckets/></ListAllMyBucketsResult>`)
	}
}

func clientOf(t *testing.T, endpoint string) *minio.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c, err := minio.New(strings.TrimPrefix(endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("AK", "SK", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
		MaxRetries: 1, Transport: tr,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whichever package meets a cause, errors.Is finds it by the sentinel of every package,
// and the program ends with one exit code.
func TestOneCauseIsOneSentinel(t *testing.T) {
	noBucket := []error{restic.ErrNoBucket, s3state.ErrNoBucket, s3tool.ErrNoBucket, s3versions.ErrNoBucket}
	denied := []error{restic.ErrAccessDenied, s3state.ErrAccessDenied, s3tool.ErrAccessDenied, s3versions.ErrAccessDenied}
	credentials := append([]error{
		restic.ErrCredentials, s3state.ErrCredentials, s3tool.ErrCredentials, s3versions.ErrCredentials,
	}, denied...)
	unreachable := []error{restic.ErrUnreachable, s3state.ErrUnreachable, s3tool.ErrUnreachable, s3versions.ErrUnreachable}
	exists := []error{s3state.ErrTargetExists, s3tool.ErrBucketExists}
	notEmpty := []error{s3state.ErrNotEmpty, s3tool.ErrNotEmpty}
	noObject := []error{s3state.ErrNoObject, s3tool.ErrNoObject, s3versions.ErrNoObject}
	damaged := []error{restic.ErrDamaged, s3state.ErrDamaged, s3state.ErrCorrupt}
	notProved := []error{restic.ErrNotProved, s3state.ErrNotProved}
	all := [][]error{damaged, notProved, noBucket, denied, credentials[:4], unreachable, exists, notEmpty, noObject}

	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, c := range []struct {
		answer
		calls calls
		want  []error
		exit  int
	}{
		{answer{404, "NoSuchBucket", ""}, reading, noBucket, 10},
		{answer{403, "AccessDenied", ""}, reading, denied, 1},
		{answer{403, "AllAccessDisabled", ""}, reading, denied, 1},
		{answer{403, "UserSuspended", ""}, reading, denied, 1},
		{answer{403, "SomethingNew", ""}, reading, denied, 1},
		{answer{403, "SignatureDoesNotMatch", ""}, reading, credentials, 1},
		{answer{403, "InvalidAccessKeyId", ""}, reading, credentials, 1},
		{answer{400, "ExpiredToken", ""}, reading, credentials, 1},
		{answer{403, "RequestTimeTooSkewed", ""}, reading, credentials, 1},
		{answer{403, "QuotaExceeded", ""}, reading, nil, 1},
		{answer{0, "", ""}, reading, unreachable, 1},
		{answer{409, "BucketAlreadyExists", http.MethodPut}, makingBucket, exists, 1},
		{answer{409, "BucketAlreadyOwnedByYou", http.MethodPut}, makingBucket, exists, 1},
		{answer{409, "BucketNotEmpty", http.MethodDelete}, removingBucket, notEmpty, 1},
		{answer{404, "NoSuchKey", ""}, readingObject, noObject, 1},
	} {
		for name, call := range c.calls {
			t.Run(c.code+" "+name, func(t *testing.T) {
				t.Parallel()
				endpoint := closed.URL
				if c.status != 0 {
					srv := httptest.NewServer(c.answer)
					t.Cleanup(srv.Close)
					endpoint = srv.URL
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				err := call(ctx, clientOf(t, endpoint))
				if err == nil {
					t.Fatal("no error")
				}
				for _, group := range all {
					for _, sentinel := range group {
						if wanted := slices.Contains(c.want, sentinel); errors.Is(err, sentinel) != wanted {
							t.Errorf("%v: is %q: %v", err, sentinel, !wanted)
						}
					}
				}
				if code := rwm.ExitCode(err); code != c.exit {
					t.Errorf("%v: exit code %d, not %d", err, code, c.exit)
				}
			})
		}
	}
}

// What two packages call one cause, and what it was called before, is one error.
func TestOneCauseOfTwoNames(t *testing.T) {
	for _, group := range [][]error{
		{restic.ErrDamaged, s3state.ErrDamaged, s3state.ErrCorrupt, &restic.BrokenError{}},
		{restic.ErrNotProved, s3state.ErrNotProved},
	} {
		for _, err := range group {
			for _, sentinel := range group[:2] {
				if !errors.Is(fmt.Errorf("x: %w", err), sentinel) {
					t.Errorf("%q is no %q", err, sentinel)
				}
			}
		}
	}
}

// Where two packages use a word for different things, the sentinels have names of their
// own, and a program can tell them apart.
func TestTwoCausesAreTwoSentinels(t *testing.T) {
	incomplete := []error{restic.ErrIncomplete, restic.ErrNotRemoved, s3state.ErrStorageIncomplete}
	for i, a := range incomplete {
		for j, b := range incomplete {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%q is %q: %v", a, b, i != j)
			}
		}
	}
	for err, want := range map[error]int{
		restic.ErrIncomplete: 3, &restic.RemoveError{}: 3, s3state.ErrStorageIncomplete: 1, s3state.ErrUnconfirmed: 1,
	} {
		if got := rwm.ExitCode(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%v: exit code %d, not %d", err, got, want)
		}
	}
	if !errors.Is(s3state.ErrStorageIncomplete, s3state.ErrUnconfirmed) || errors.Is(s3state.ErrUnconfirmed, s3state.ErrStorageIncomplete) {
		t.Error("what is incomplete cannot be confirmed; the reverse does not hold")
	}
}

package s3err

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Wrap names what was being done and adds the cause that err amounts to. The server's
// answer stays reachable with errors.As.
func Wrap(err error, format string, args ...any) error {
	return WrapAs(nil, err, format, args...)
}

// WrapAs is Wrap with one more sentinel, which the caller knows.
func WrapAs(sentinel, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	w := &wrapped{text: fmt.Sprintf(format, args...) + ": " + Describe(err).Error()}
	for _, e := range []error{sentinel, Classify(err), err} {
		if e != nil {
			w.errs = append(w.errs, e)
		}
	}
	return w
}

// As gives an error of this text that is the sentinel and wraps err, which may be nil.
func As(sentinel, err error, format string, args ...any) error {
	w := &wrapped{text: fmt.Sprintf(format, args...), errs: []error{sentinel}}
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return w
}

type wrapped struct {
	text string
	errs []error
}

func (e *wrapped) Error() string   { return e.text }
func (e *wrapped) Unwrap() []error { return e.errs }

// Describe puts the server's code beside its message; the text of minio-go's error has
// only the message.
func Describe(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return err
	}
	if r.Code != "" && !strings.Contains(err.Error(), r.Code) {
		return fmt.Errorf("%s: %w", r.Code, err)
	}
	return err
}

// Clip keeps what a server or a file wrote short enough for an error text.
func Clip(s string) string {
	if len(s) <= 120 {
		return s
	}
	return strings.ToValidUTF8(s[:120], "") + "…"
}

// Word is a version ID for the middle of a sentence. One that a saved state names may be
// any text, which must not look like a line of the program's own.
func Word(id string) string {
	if strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return strconv.Quote(Clip(id))
	}
	return Clip(id)
}

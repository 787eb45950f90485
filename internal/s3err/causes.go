package s3err

import "errors"

// The causes.
var (
	ErrNoBucket     = errors.New("bucket does not exist")
	ErrNoObject     = errors.New("object does not exist")
	ErrBucketExists = errors.New("bucket exists already")
	ErrNotEmpty     = errors.New("bucket is not empty")
	// ErrAccessDenied means that the server refused: these credentials may not do what
	// was asked, or are not accepted at all.
	ErrAccessDenied = errors.New("access denied")
	// ErrCredentials is the ErrAccessDenied of credentials that are wrong or expired.
	ErrCredentials = Kind("the server does not accept the credentials", ErrAccessDenied)
	// ErrSealed is the ErrAccessDenied of a host whose bucket's policy denies it to
	// read file data back.
	ErrSealed = Kind("this host is sealed: it may not read file data back", ErrAccessDenied)
	// ErrUnreachable means that no server answered.
	ErrUnreachable = errors.New("the server did not answer")
	// ErrDamaged means that an object's bytes are not those that were written: by its
	// name, its ETag or its encryption.
	ErrDamaged = errors.New("damaged object")
	// ErrNotProved means that it could not be determined whether a repository holds
	// together.
	ErrNotProved = errors.New("not proved")
	// ErrInvalid means that a request was refused before anything was sent, or that no
	// bucket can have the name.
	ErrInvalid = errors.New("invalid argument")
)

type kind struct {
	text    string
	general error
}

// Kind returns a cause of this text that errors.Is finds as the general one, too.
func Kind(text string, general error) error { return &kind{text, general} }

func (k *kind) Error() string { return k.text }
func (k *kind) Unwrap() error { return k.general }

// Forbidden tells an ErrAccessDenied that other rights would cure from one of
// credentials that are not accepted.
func Forbidden(err error) bool {
	return errors.Is(err, ErrAccessDenied) && !errors.Is(err, ErrCredentials)
}

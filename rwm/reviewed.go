package rwm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/cesnet/rwm/internal/ahead"
	"github.com/cesnet/rwm/s3state"
)

// Review records how far the history of a bucket was reviewed and proved. It is kept in
// a file on the admin's machine, where no host can write.
type Review struct {
	// Until is the time until which a person has reviewed the history. Earlier marks no
	// longer count.
	Until time.Time `json:"reviewed_until,omitzero"`
	// SettingsUntil is the same for changes of the bucket's settings; zero means Until.
	// [Manager.SetReviewed] sets both, the keeper each for itself.
	SettingsUntil time.Time `json:"settings_reviewed_until,omitzero"`
	// Proved is the latest moment that was proved.
	Proved time.Time `json:"proved,omitzero"`
	// Settings are the bucket's settings as [Manager.History] last saw them, and what
	// was changed since the first look; nil before that.
	Settings *s3state.KnownSettings `json:"settings,omitempty"`
}

// WithReviews names the file in which reviews are kept, see [Manager.SetReviewed]. It
// is created when needed. By default no reviews are kept.
func WithReviews(file string) Option { return func(m *Manager) { m.reviews = file } }

// ReviewsFile returns the path where a user's programs keep reviews: rwm/reviews.json
// in the user's directory for configuration.
func ReviewsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "rwm", "reviews.json"), nil
}

// Reviewed returns the review recorded for a bucket, or the zero Review if there is
// none.
func (m *Manager) Reviewed(bucket string) (Review, error) {
	m = m.made()
	all, err := m.readReviews()
	r := all[m.reviewName(bucket)]
	ahead.Drop(m.now(), &r.Until, &r.SettingsUntil)
	return r, err
}

// KnownProof says what is known of a bucket's repository without opening it: that it is
// not proved, why, and when [Manager.History] last proved it.
func (m *Manager) KnownProof(bucket string) (s3state.Proof, error) {
	m = m.made()
	review, err := m.Reviewed(bucket)
	p := s3state.Proof{Verdict: s3state.NotProved, Reason: m.whyNot(bucket, review), At: review.Proved}
	if m.knows(bucket) {
		p.Reason = "it was not opened, which storage-history does"
		if !review.Proved.IsZero() {
			p.Reason += "; last proved " + review.Proved.UTC().Format(time.RFC3339)
		}
	}
	return p, err
}

// SetReviewed records that a person has reviewed the history of a bucket until a time,
// by the server's clock.
func (m *Manager) SetReviewed(bucket string, until time.Time) error {
	m = m.made()
	if m.reviews == "" {
		return errors.New("there is no file to keep in what was reviewed; the command has one below $XDG_CONFIG_HOME or $HOME: set one of them")
	}
	if until.After(m.now()) {
		return fmt.Errorf("%s is %w of the past: nobody can have looked at it", until.Format(time.RFC3339), ErrMoment)
	}
	return m.changeReview(bucket, func(r *Review) { r.Until, r.SettingsUntil = until.UTC(), until.UTC() })
}

// noteProved records the last proved moment, if it can: an error here is ignored.
func (m *Manager) noteProved(bucket string, at time.Time) {
	if m.reviews == "" {
		return
	}
	if err := m.changeReview(bucket, func(r *Review) { r.Proved = at.UTC() }); err != nil {
		m.log.Warn("the moment that was proved cannot be kept", "file", m.reviews, "error", err)
	}
}

// settingMade records changes of settings that RWM itself has made, so that they do not
// look like changes by others. An error is only logged: the change is then a mark to be
// reviewed.
func (m *Manager) settingMade(bucket, setting string, before, after []string) {
	if m.reviews == "" {
		return
	}
	err := m.changeReview(bucket, func(r *Review) {
		switch {
		case setting == "":
			r.Settings = &s3state.KnownSettings{Seen: m.now().UTC()}
		case r.Settings != nil:
			r.Settings.Made(setting, before, after, m.now().UTC())
		}
	})
	if err != nil {
		m.log.Warn("a changed setting cannot be kept", "file", m.reviews, "setting", setting, "error", err)
	}
}

// settingsKnown is what is known of a bucket's settings, nil if that is nothing.
func (m *Manager) settingsKnown(bucket string) *s3state.KnownSettings {
	r, err := m.Reviewed(bucket)
	if err != nil {
		m.log.Warn("what is known of the bucket's settings cannot be read", "file", m.reviews, "error", err)
	}
	return r.Settings
}

// watchSettings makes a history compare the bucket's settings with those in the file of
// the reviews. It returns a function that saves them there.
func (m *Manager) watchSettings(bucket string, review Review, opts *s3state.HistoryOptions) (keep func()) {
	if opts.Settings != nil || m.reviews == "" {
		return func() {}
	}
	if opts.Settings = review.Settings; opts.Settings == nil {
		opts.Settings = &s3state.KnownSettings{}
	}
	before, _ := json.Marshal(review.Settings) // numbers, times and strings
	return func() {
		err := m.changeReview(bucket, func(r *Review) {
			// What another process has noted meanwhile stays: the next history compares
			// with that.
			if now, _ := json.Marshal(r.Settings); bytes.Equal(now, before) {
				r.Settings = opts.Settings
			}
		})
		if err != nil {
			m.warn(fmt.Sprintf("the bucket's settings cannot be remembered, so the next history does not tell what was changed: %v", err))
		}
	}
}

// reviewName distinguishes a bucket from those with the same name elsewhere.
func (m *Manager) reviewName(bucket string) string {
	return m.client.EndpointURL().String() + "/" + bucket
}

func (m *Manager) readReviews() (map[string]Review, error) {
	all := make(map[string]Review)
	if m.reviews == "" {
		return all, nil
	}
	text, err := os.ReadFile(m.reviews)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return all, fmt.Errorf("read what was reviewed (%s; without that file nothing is taken for reviewed): %w", m.reviews, err)
	}
	if all == nil { // the file holds null
		all = make(map[string]Review)
	}
	return all, nil
}

// changeReview changes the review of one bucket in the file, which is written whole: one
// process after the other.
func (m *Manager) changeReview(bucket string, change func(*Review)) error {
	unlock, err := lockReviews(m.reviews)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := m.readReviews()
	if err != nil {
		return err
	}
	name := m.reviewName(bucket)
	r := all[name]
	change(&r)
	all[name] = r
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(m.reviews, append(text, '\n'))
}

// reviewsPatience is how long another process may take to change the file.
const reviewsPatience = 30 * time.Second

// lockReviews keeps other processes from changing the file of the reviews. The lock has
// a file of its own beside it, which stays.
func lockReviews(file string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(file+".lock", flock.SetPermissions(lockFileMode))
	ctx, cancel := context.WithTimeout(context.Background(), reviewsPatience)
	defer cancel()
	_, err = lock.TryLockContext(ctx, 10*time.Millisecond)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("another process has held %s for %s", lock.Path(), reviewsPatience)
	case err != nil && !errors.Is(err, errors.ErrUnsupported): // some file systems have no locks
		return nil, fmt.Errorf("lock the file of reviews: %w", err)
	}
	return func() { _ = lock.Close() }, nil
}

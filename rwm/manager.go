package rwm

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/internal/s3err"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// Manager works with the repository and the buckets of a configuration. All its methods
// use one S3 client and are safe for concurrent use, but only one backup run can be in
// progress on a host. It holds nothing open between calls and needs no closing.
type Manager struct {
	cfg         *Config
	client      *minio.Client
	transport   http.RoundTripper
	log         *slog.Logger
	now         func() time.Time
	hooks       hooks
	sessionOpts []restic.Option
	storeOpts   []s3state.Option
	store       *s3state.Store
	observed    *ObservedTransport // nil with a client of the caller's
	proof       ProofOptions
	reviews     string // file
	evidence    *evidence

	lockWait time.Duration

	onEvent []func(RunID, Event)
	events  *events.Emitter[runEvent]
}

// New makes a Manager for cfg, which must not be changed afterwards. It checks the
// whole configuration ([Config.Validate]) and sends nothing. Without [WithTransport] it
// reads the certificates that backup_extras names, which have to be regular files.
func New(cfg *Config, opts ...Option) (*Manager, error) {
	m := &Manager{cfg: cfg, log: slog.New(slog.DiscardHandler), now: time.Now, hooks: hooks{io.Discard, io.Discard}}
	if cfg == nil {
		return nil, errNilConfig()
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("option %d is nil", i+1)
		}
		opt(m)
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	if len(m.onEvent) > 0 {
		m.events = events.New(func(e runEvent) {
			for _, fn := range m.onEvent {
				fn(e.run, e.event)
			}
		})
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	if err := m.connect(); err != nil {
		return nil, err
	}
	storeOpts := []s3state.Option{s3state.WithLogger(m.log), s3state.WithClock(m.now), s3state.WithPromise(m.promised)}
	if m.transport != nil {
		storeOpts = append(storeOpts, s3state.WithTransport(m.transport))
	}
	if m.reviews != "" {
		storeOpts = append(storeOpts, s3state.WithSettingMade(m.settingMade), s3state.WithKnownSettings(m.settingsKnown))
	}
	m.store = s3state.New(m.client, append(storeOpts, m.storeOpts...)...)
	return m, nil
}

// made returns the Manager itself, or one without a configuration and a client where it
// is nil or was not made by New: what it is asked for is an error then, not a panic.
func (m *Manager) made() *Manager {
	if m != nil && m.cfg != nil {
		return m
	}
	none := &Manager{cfg: &Config{}, log: slog.New(slog.DiscardHandler), now: time.Now, hooks: hooks{io.Discard, io.Discard}, client: s3err.NoClient()}
	none.store = s3state.New(nil)
	return none
}

func (m *Manager) validate() error {
	if m.client != nil || m.elsewhere() {
		return m.cfg.validateRuns()
	}
	return m.cfg.Validate()
}

// elsewhere reports whether the repository is in a place of its own, and no S3 service
// is configured.
func (m *Manager) elsewhere() bool { return m.cfg.Location != nil && m.cfg.S3EndpointURL == "" }

func (m *Manager) connect() error {
	if m.client != nil || m.elsewhere() {
		return nil
	}
	if m.transport == nil {
		flags, err := m.cfg.clientFlags(os.Getenv)
		if err != nil {
			return err
		}
		for _, file := range append(slices.Clone(flags.Cacert), flags.TLSClientCert) {
			if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
				return m.cfg.source.at("backup_extras", "%s is not a regular file, and nothing could end the waiting for it; read it yourself and give WithTransport", file)
			}
		}
		transport, err := NewTransport()
		if err != nil {
			return err
		}
		if m.transport, err = flags.Transport(context.Background(), transport); err != nil {
			return m.cfg.source.at("backup_extras", "%s", err)
		}
	}
	m.observed = ObserveTransport(m.transport)
	m.transport = m.observed
	var err error
	m.client, err = NewClient(m.cfg, m.transport)
	return err
}

// Client returns the S3 client that all methods use.
func (m *Manager) Client() *minio.Client { return m.made().client }

// Storage returns the Store for operations on policed buckets. It uses the shared
// client.
func (m *Manager) Storage() *s3state.Store { return m.made().store }

// Location returns the location of the configured repository.
func (m *Manager) Location() restic.Location {
	m = m.made()
	if m.cfg.Location != nil {
		return m.cfg.Location
	}
	return restic.S3(m.client, m.cfg.ResticBucket, "")
}

// OpenRepository opens the configured repository. The caller closes the session.
func (m *Manager) OpenRepository(ctx context.Context, opts ...restic.Option) (*restic.Session, error) {
	m = m.made()
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	return restic.Open(ctx, m.Location(), m.cfg.ResticPassword, m.sessionOptions(opts)...)
}

// InitRepository makes the configured repository in its bucket, which must be
// there unless [restic.WithNewBucket] is given, and opens it. The caller closes the
// session.
func (m *Manager) InitRepository(ctx context.Context, opts ...restic.Option) (*restic.Session, error) {
	m = m.made()
	if err := m.needRepository(); err != nil {
		return nil, err
	}
	return restic.Init(ctx, m.Location(), m.cfg.ResticPassword, m.sessionOptions(opts)...)
}

func (m *Manager) sessionOptions(opts []restic.Option) []restic.Option {
	return m.sessionOptionsOf("", opts)
}

func (m *Manager) sessionOptionsOf(run RunID, opts []restic.Option) []restic.Option {
	all := []restic.Option{restic.WithLogger(m.log), restic.WithClock(m.now)}
	if m.events != nil {
		all = append(all, restic.WithEvents(func(ev restic.Event) {
			if w, ok := ev.(restic.Waiting); ok && w.Err == nil {
				w.Err = m.observed.LastFailure()
				ev = w
			}
			m.emitOf(run, RepositoryEvent{Event: ev})
		}))
	}
	return append(append(all, m.sessionOpts...), opts...)
}

// needRepository says what the configuration lacks for work on the repository.
func (m *Manager) needRepository() error {
	switch {
	case m.cfg.ResticBucket == "" && m.cfg.Location == nil:
		return m.cfg.source.at("restic_bucket", "is missing or empty, and this needs the repository")
	case m.cfg.ResticPassword == "":
		if key := m.cfg.secretKeys()[2]; key.elsewhere() {
			return m.cfg.source.at(key.name, "is given by other means than its value, and not read yet: call Config.ReadSecrets first")
		}
		return m.cfg.source.at("restic_password", "is missing or empty, and this needs the repository")
	}
	return nil
}

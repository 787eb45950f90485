package embed

import (
	"context"
	"errors"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cesnet/rwm/fusemount"
	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/keeper"
	resticapi "github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
	"github.com/cesnet/rwm/s3versions"
)

// nilOptions are the options of each package that nil can be given to, with nil.
var (
	nilRestic = map[string]resticapi.Option{
		"WithLogger": resticapi.WithLogger(nil), "WithClock": resticapi.WithClock(nil),
		"WithChunkerOf": resticapi.WithChunkerOf(nil), "WithBudget": resticapi.WithBudget(nil), "WithEvents": resticapi.WithEvents(nil),
	}
	nilRWM = map[string]rwm.Option{
		"WithClient": rwm.WithClient(nil), "WithTransport": rwm.WithTransport(nil), "WithLogger": rwm.WithLogger(nil),
		"WithClock": rwm.WithClock(nil), "WithEvents": rwm.WithEvents(nil), "WithRunEvents": rwm.WithRunEvents(nil),
		"WithOutput": rwm.WithOutput(nil, nil), "WithSessionOptions": rwm.WithSessionOptions(), "WithStoreOptions": rwm.WithStoreOptions(nil),
	}
	nilState = map[string]s3state.Option{
		"WithSettingMade": s3state.WithSettingMade(nil), "WithTransport": s3state.WithTransport(nil), "WithLogger": s3state.WithLogger(nil), "WithClock": s3state.WithClock(nil), "WithPromise": s3state.WithPromise(nil), "WithKnownSettings": s3state.WithKnownSettings(nil),
	}
	nilVersions = map[string]s3versions.Option{
		"WithTransport": s3versions.WithTransport(nil), "WithLogger": s3versions.WithLogger(nil),
	}
	nilTool   = map[string]s3tool.Option{"WithVersions": s3tool.WithVersions(nil)}
	nilKeeper = map[string]keeper.Option{
		"WithClock": keeper.WithClock(nil), "WithLogger": keeper.WithLogger(nil), "WithTransport": keeper.WithTransport(nil),
		"WithEvents": keeper.WithEvents(nil), "WithTeller": keeper.WithTeller(nil), "WithStorage": keeper.WithStorage(nil),
	}
)

func values[O any](options map[string]O) (all []O) {
	for _, o := range options {
		all = append(all, o)
	}
	return all
}

func names[O any](options map[string]O) (all []string) {
	for name := range options {
		all = append(all, name)
	}
	return all
}

// The tables above have every option that nil can be given to.
func TestNilTablesAreComplete(t *testing.T) {
	tables := map[string][]string{
		"restic": names(nilRestic), "rwm": names(nilRWM), "s3state": names(nilState), "s3versions": names(nilVersions),
		"s3tool": names(nilTool), "keeper": names(nilKeeper),
		"fusemount": nil, "rcc": nil, "keeper/notify": nil, "keeper/signs": nil,
	}
	var paths []string
	for name := range tables {
		paths = append(paths, "./"+name)
	}
	imported := newImporter(t, paths...)
	for name, table := range tables {
		p, err := imported.Import(mainModule + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, symbol := range p.Scope().Names() {
			function, ok := p.Scope().Lookup(symbol).(*types.Func)
			if !ok || !strings.HasPrefix(symbol, "With") {
				continue
			}
			for v := range function.Signature().Params().Variables() {
				switch v.Type().Underlying().(type) {
				case *types.Pointer, *types.Signature, *types.Interface, *types.Map, *types.Chan, *types.Slice:
					if !slices.Contains(table, symbol) {
						t.Errorf("%s.%s takes a %s, and nil is not tried", name, symbol, v.Type())
					}
				}
			}
		}
	}
}

// nil in the place of a client, a configuration, a session or an option is an error or
// the default, in every package.
func TestNilIsAnErrorEverywhere(t *testing.T) {
	ctx := t.Context()
	failed := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	_, err := resticapi.Open(ctx, nil, "x")
	failed("restic.Open of no location", err)
	_, err = resticapi.Init(ctx, nil, "x")
	failed("restic.Init of no location", err)
	_, err = resticapi.Init(ctx, resticapi.Memory(), "x", nil)
	failed("a nil option of restic", err)
	_, err = rwm.New(nil)
	failed("rwm.New of no configuration", err)
	_, err = rwm.New(&rwm.Config{}, nil)
	failed("a nil option of rwm", err)
	_, err = keeper.New(nil)
	failed("keeper.New of no configuration", err)
	if !errors.Is(err, rwm.ErrConfig) {
		t.Errorf("keeper.New(nil): %v is no ErrConfig", err)
	}
	_, err = keeper.New(&keeper.Config{}, nil)
	failed("a nil option of keeper", err)
	_, err = fusemount.Mount(ctx, nil, t.TempDir(), fusemount.Options{})
	failed("fusemount.Mount of no session", err)
	_, err = s3state.New(nil, nil).States(ctx, "bucket")
	failed("s3state without a client", err)
	_, err = s3tool.New(nil, nil).Buckets(ctx)
	failed("s3tool without a client", err)
	failed("listing versions without a client", firstVersion(ctx, s3versions.New(nil, nil), "bucket"))
	for _, err := range s3tool.New(nil).Versions(ctx, s3tool.Location{Bucket: "bucket"}) {
		failed("s3tool's versions without a client", err)
	}
}

// Options that are given nil leave the default.
func TestNilOptionsLeaveTheDefault(t *testing.T) {
	ctx := t.Context()
	srv := s3test.Shared(t)
	client := srv.Client(t, srv.Admin)
	const bucket = "nil-options"
	if err := s3tool.New(client, values(nilTool)...).MakeBucket(ctx, bucket, true); err != nil {
		t.Fatal(err)
	}
	if err := firstVersion(ctx, s3versions.New(client, values(nilVersions)...), bucket); err != nil {
		t.Error(err)
	}
	if _, err := s3state.New(client, values(nilState)...).Save(ctx, bucket, s3state.CaptureOptions{}); err != nil {
		t.Error(err)
	}
	clock := nilRestic["WithClock"] // that one is refused
	if _, err := resticapi.Init(ctx, resticapi.Memory(), "x", clock); err == nil {
		t.Error("restic took a nil clock")
	}
	usable := maps.Clone(nilRestic)
	delete(usable, "WithClock")
	s, err := resticapi.Init(ctx, resticapi.Memory(), "x", append(values(usable), resticapi.WithCacheDir(t.TempDir()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // in memory
	if _, err := s.Backup(ctx, resticapi.BackupOptions{Paths: []string{t.TempDir()}}); err != nil {
		t.Error(err)
	}
	cfg := &rwm.Config{S3EndpointURL: srv.URL, S3AccessKey: srv.Admin.AccessKey, S3SecretKey: srv.Admin.SecretKey, ResticBucket: bucket, ResticPassword: "x"}
	m, err := rwm.New(cfg, values(nilRWM)...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.SaveState(ctx); err != nil {
		t.Error(err)
	}
	kept := &keeper.Config{StateDir: filepath.Join(t.TempDir(), "state")}
	k, err := keeper.New(kept, values(nilKeeper)...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Pass(ctx); err != nil {
		t.Error(err)
	}
}

func firstVersion(ctx context.Context, client *s3versions.Client, bucket string) error {
	for _, err := range client.Versions(ctx, bucket, "") {
		return err
	}
	return nil
}

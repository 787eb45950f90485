package embed

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/fusemount"
	"github.com/cesnet/rwm/internal/events"
	"github.com/cesnet/rwm/keeper"
	"github.com/cesnet/rwm/keeper/notify"
	"github.com/cesnet/rwm/rcc"
	resticapi "github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
	"github.com/cesnet/rwm/s3state"
	"github.com/cesnet/rwm/s3tool"
	"github.com/cesnet/rwm/s3versions"
)

var zeros = []any{new(fusemount.FileSystem), new(fusemount.Holder), new(fusemount.Result), new(keeper.Config), new(keeper.DrillResult), new(keeper.Every), new(keeper.Keeper), new(keeper.Report), new(keeper.Secret), new(keeper.Size), new(keeper.Span), new(keeper.UntoldError), new(notify.Sender), new(rcc.Config), new(resticapi.ArchiveFormat), new(resticapi.BackupOptions), new(resticapi.BackupResult), new(resticapi.BlobHandle), new(resticapi.BlobType), new(resticapi.BrokenError), new(resticapi.BrokenObject), new(resticapi.CheckFinding), new(resticapi.Compression), new(resticapi.Duration), new(resticapi.FS), new(resticapi.Finding), new(resticapi.FindingKind), new(resticapi.GoneError), new(resticapi.GroupBy), new(resticapi.ID), new(resticapi.ItemError), new(resticapi.KeyInfo), new(resticapi.LockInfo), new(resticapi.Ledger), new(resticapi.LockedError), new(resticapi.MisdatedSnapshot), new(resticapi.Needed), new(resticapi.NodeType), new(resticapi.Overwrite), new(resticapi.Policy), new(resticapi.PruneResult), new(resticapi.Reader), new(resticapi.RemoveError), new(resticapi.RestoreFailedError), new(resticapi.Session), new(resticapi.Snapshot), new(resticapi.SnapshotGroupKey), new(resticapi.SnapshotsError), new(resticapi.SortBy), new(resticapi.StatsMode), new(rwm.Config), new(rwm.ConfigError), new(rwm.HookError), new(rwm.HookStarted), new(rwm.Manager), new(rwm.ObservedTransport), new(rwm.Report), new(rwm.Retention), new(rwm.Row), new(rwm.RunError), new(rwm.RunLockedError), new(rwm.StorageCheck), new(rwm.TooEarlyError), new(s3state.AccessReport), new(s3state.AccessResult), new(s3state.BatchError), new(s3state.BucketSummary), new(s3state.Difference), new(s3state.KeyError), new(s3state.Known), new(s3state.KnownSettings), new(s3state.Lapse), new(s3state.Lock), new(s3state.LockFloor), new(s3state.LockedError), new(s3state.MissingVersionsError), new(s3state.NotAdoptableError), new(s3state.PolicyCheck), new(s3state.RenewLedger), new(s3state.RenewResult), new(s3state.RestoreOrigin), new(s3state.SavedState), new(s3state.SettingChange), new(s3state.StateDiffersError), new(s3state.StateReader), new(s3state.StepError), new(s3state.StorageCheck), new(s3state.Store), new(s3state.Suspicion), new(s3state.View), new(s3tool.Location), new(s3tool.Object), new(s3tool.PartialError), new(s3tool.Removed), new(s3tool.Tool), new(s3versions.Client)}

var _ = rcc.Run

// zeroArgs are a context and the zero value of everything else.
func zeroArgs(ctx context.Context, method reflect.Type) (args []reflect.Value) {
	for i := range method.NumIn() {
		in := method.In(i)
		switch {
		case method.IsVariadic() && i == method.NumIn()-1:
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(ctx))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return args
}

// handles are what a call returns together with an error, so that nil gets into
// methods.
var handles = []reflect.Type{
	reflect.TypeFor[*fusemount.FileSystem](), reflect.TypeFor[*keeper.Config](), reflect.TypeFor[*keeper.Keeper](), reflect.TypeFor[*notify.Sender](),
	reflect.TypeFor[*resticapi.Session](), reflect.TypeFor[*resticapi.Reader](), reflect.TypeFor[*resticapi.FS](), reflect.TypeFor[*rwm.Config](),
	reflect.TypeFor[*rwm.Manager](), reflect.TypeFor[*rwm.Report](), reflect.TypeFor[*s3state.Store](), reflect.TypeFor[*s3state.StateReader](),
	reflect.TypeFor[*s3state.View](), reflect.TypeFor[*s3state.RenewLedger](), reflect.TypeFor[*s3tool.Tool](), reflect.TypeFor[*s3versions.Client](),
}

// needsArgument are methods that cannot do with nothing: what they are called with is
// made by another package, which never gives nil.
var needsArgument = []string{"Format", "UnmarshalYAML", "RoundTrip", "Do", "Retry", "Among", "Reclaimable"}

// A method of a zero value, or of a handle that is nil, given nothing, does not panic.
func TestZeroValues(t *testing.T) {
	for _, zero := range zeros {
		typ := reflect.TypeOf(zero)
		for what, v := range map[string]reflect.Value{"zero": reflect.ValueOf(zero), "nil": reflect.Zero(typ)} {
			if what == "nil" && !slices.Contains(handles, typ) {
				continue
			}
			for i := range typ.NumMethod() {
				if slices.Contains(needsArgument, typ.Method(i).Name) {
					continue
				}
				name := fmt.Sprintf("%s %v.%s", what, typ, typ.Method(i).Name)
				if _, value := typ.Elem().MethodByName(typ.Method(i).Name); value && what == "nil" {
					continue // a method of the value, and there is none
				}
				method := v.Method(i)
				ended := make(chan *events.Panic, 1)
				go func() {
					ended <- events.Catch(func() {
						for _, out := range method.Call(zeroArgs(t.Context(), method.Type())) {
							drain(out)
						}
					})
				}()
				select {
				case p := <-ended:
					if p != nil {
						t.Errorf("%s: %v", name, p)
					}
				case <-time.After(20 * time.Second):
					t.Errorf("%s does not end", name)
				}
			}
		}
	}
}

// The list above has every type with methods.
func TestZerosAreComplete(t *testing.T) {
	api, err := os.ReadFile("testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, zero := range zeros {
		typ := reflect.TypeOf(zero).Elem()
		listed[strings.TrimPrefix(typ.PkgPath(), mainModule+"/")+"."+typ.Name()] = true
	}
	for _, match := range regexp.MustCompile(`(?m)^method (.*)\.\w+ func`).FindAllSubmatch(api, -1) {
		name := string(match[1])
		if !listed[name] && !strings.Contains(string(api), "\ntype "+name+" interface") {
			t.Errorf("no zero %s is tried", name)
		}
	}
}

// drain goes through what is an iterator.
func drain(out reflect.Value) {
	if out.Kind() != reflect.Func || out.IsNil() || out.Type().NumIn() != 1 || out.Type().In(0).Kind() != reflect.Func {
		return
	}
	yield := reflect.MakeFunc(out.Type().In(0), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(false)} })
	out.Call([]reflect.Value{yield})
}

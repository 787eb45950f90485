package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cesnet/rwm/internal/harness/treecmp"
	"github.com/dustin/go-humanize"
)

// prepare copies real files to work on: the demo changes some of them.
func (w *world) prepare(_ context.Context, source string) error {
	w.story.tell("The files")
	if err := os.CopyFS(w.files(), os.DirFS(source)); err != nil {
		return err
	}
	var n, size int64
	err := filepath.WalkDir(w.files(), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			fi, err := d.Info()
			if err != nil {
				return err
			}
			n, size = n+1, size+fi.Size()
		}
		return err
	})
	w.story.say("%d files, %s, copied from %s", n, humanize.IBytes(uint64(size)), source)
	return err
}

func (w *world) protect(ctx context.Context) error {
	w.story.tell("The admin creates a policed bucket for the host")
	if _, err := w.story.rwmAs(ctx, w.admin.conf, "storage-create", bucket, hostUser); err != nil {
		return err
	}
	w.story.tell("The host makes its repository there")
	_, err := w.story.rwmAs(ctx, w.host.conf, "restic", "init")
	return err
}

func (w *world) backUp(ctx context.Context) error {
	w.story.tell("The host backs up, as its schedule would")
	if _, err := w.story.rwmAs(ctx, w.host.conf, "backup-all"); err != nil {
		return err
	}
	w.story.tell("A day's work, then the next backup")
	if err := w.change(); err != nil {
		return err
	}
	_, err := w.story.rwmAs(ctx, w.host.conf, "backup-all")
	return err
}

// change edits, adds, links, renames and removes.
func (w *world) change() error {
	f := w.files()
	entries, err := os.ReadDir(f)
	if err != nil || len(entries) < 3 {
		return fmt.Errorf("three entries are needed to change in %s: %w", f, err)
	}
	in := func(name string) string { return filepath.Join(f, name) }
	return errors.Join(
		os.WriteFile(in("today.txt"), []byte("written between two backups\n"), 0o640),
		os.Symlink("today.txt", in("a-symlink")),
		os.Link(in("today.txt"), in("a-second-name.txt")),
		os.Rename(in(entries[0].Name()), in("renamed")),
		os.RemoveAll(in(entries[1].Name())),
		os.Chmod(in(entries[2].Name()), 0o750),
	)
}

func (w *world) attack(ctx context.Context) error {
	w.story.tell("An attacker breaks into the host and finds rwm.conf")
	a, err := newAttacker(w.server.URL, w.host.AccessKey, w.host.SecretKey, bucket)
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // so that no version of the attack has the second of a backup's
	w.attacked = time.Now()
	n, err := a.destroy(ctx)
	if err != nil {
		return err
	}
	w.story.say("Every one of the %d objects is overwritten and then deleted (%s).", n, time.Since(w.attacked).Round(time.Millisecond))
	for _, attempt := range a.attempts() {
		err := attempt.do(ctx)
		if !refused(err) {
			return fmt.Errorf("the attacker could %s (or it failed for another reason): %w", attempt.what, err)
		}
		w.story.say("Tries to %s: refused (%v)", attempt.what, err)
	}
	w.story.say("The repository is gone:")
	if _, err := w.story.ask(ctx, w.host.conf, "restic", "snapshots"); err == nil {
		return errors.New("the repository is still there after the attack")
	}
	return nil
}

func (w *world) rebuild(ctx context.Context) error {
	w.story.tell("The admin looks for the last state saved before the attack")
	state, err := w.lastState(ctx)
	if err != nil {
		return err
	}
	w.story.say("%s, version %s", state.Key, state.VersionID)
	w.story.tell("… and rebuilds it in a new bucket, server-side")
	_, err = w.story.rwmAs(ctx, w.admin.conf, "storage-restore-state", bucket, rescue, state.Key, state.VersionID)
	return err
}

type savedState struct {
	Key       string    `json:"key"`
	VersionID string    `json:"version_id"`
	Time      time.Time `json:"time"`
}

func (w *world) lastState(ctx context.Context) (last savedState, err error) {
	out, err := w.story.ask(ctx, w.admin.conf, "--json", "storage-info", bucket)
	if err != nil {
		return last, err
	}
	var info struct {
		States []savedState `json:"states"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return last, fmt.Errorf("storage-info --json: %w", err)
	}
	for _, s := range info.States {
		if s.Time.Before(w.attacked) && s.Time.After(last.Time) {
			last = s
		}
	}
	if last.Key == "" {
		return last, fmt.Errorf("no state from before the attack in %s", out)
	}
	return last, nil
}

func (w *world) restore(ctx context.Context) error {
	w.story.tell("The repository is whole again")
	if _, err := w.story.rwmAs(ctx, w.admin.conf, "restic", "check", "--read-data"); err != nil {
		return err
	}
	w.story.tell("The files come back")
	_, err := w.story.rwmAs(ctx, w.admin.conf, "restic", "restore", "latest", "--target", filepath.Join(w.dir, "restored"))
	return err
}

func (w *world) compare(context.Context) error {
	w.story.tell("Is everything as it was?")
	r, err := treecmp.Compare(w.files(), filepath.Join(w.dir, "restored", w.files()))
	if err != nil {
		return err
	}
	for _, d := range r.Differences {
		w.story.say("DIFFERS: %s", d)
	}
	if !r.Equal() {
		return errors.New("the restored files differ from the originals")
	}
	w.story.say("%d files, %d directories and %d links, %s: bytes, modes, owners, times and attributes are identical.",
		r.Files, r.Dirs, r.Others, humanize.IBytes(uint64(r.Bytes)))
	return nil
}

package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cesnet/rwm/restic"
)

const latestVersion = 2 // the stable one as well

type resticInitCmd struct {
	writes
	CopyChunkerParams bool   `help:"Cut files as the source repository does, so that data copied from there is shared."`
	RepositoryVersion string `default:"stable" help:"Format VERSION of the repository: a number, latest or stable." placeholder:"VERSION"`
	FreshStart        bool   `help:"Make a new repository although the bucket's history holds a deleted one."`
	fromFlags
}

func (resticInitCmd) Help() string {
	return `A missing bucket is created, as restic does: without versioning and without a policy, so
nothing in it is protected. For backups that survive an attack the admin makes the
bucket first, with rwm storage-create. Without the password, which is that of the
configuration, nobody can read the backups any more: keep a copy of it off this host.`
}

func (c resticInitCmd) Run(a *app) error {
	version, err := repositoryVersion(c.RepositoryVersion)
	if err != nil {
		return usageError{err}
	}
	a.creating = true
	r, err := a.repository(a.cli.Restic.Access, version, restic.WithNewBucket())
	if err != nil {
		return err
	}
	if c.FreshStart {
		r.opts = append(r.opts, restic.WithFreshStart())
	}
	if c.CopyChunkerParams {
		other, err := c.openOther(a)
		if err != nil {
			return err
		}
		defer a.close(other)
		r.opts = append(r.opts, restic.WithChunkerOf(other))
	} else if c.given() {
		return usageError{errors.New("--from-repo is for --copy-chunker-params here")}
	}
	s, err := r.init()
	if err != nil {
		return err
	}
	defer a.close(s)
	if a.cli.JSON {
		return a.emit(struct {
			MessageType string `json:"message_type"`
			ID          string `json:"id"`
			Repository  string `json:"repository"`
		}{"initialized", s.ID(), r.name})
	}
	a.say("created restic repository %.10s at %s", s.ID(), r.name)
	a.say("")
	a.say("Keep a copy of the password off this host: without it the backups cannot be read.")
	return nil
}

func repositoryVersion(name string) (restic.Option, error) {
	switch name {
	case "stable", "latest", "":
		return restic.WithRepositoryVersion(latestVersion), nil
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("--repository-version %s: a number, latest or stable is needed", name)
	}
	return restic.WithRepositoryVersion(uint(n)), nil
}

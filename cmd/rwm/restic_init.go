package main

import (
	"fmt"
	"strconv"

	"github.com/cesnet/rwm/restic"
)

const latestVersion = 2 // the stable one as well

type resticInitCmd struct {
	RepositoryVersion string `default:"stable" help:"Format VERSION of the repository: a number, latest or stable." placeholder:"VERSION"`
}

func (resticInitCmd) Help() string {
	return `The bucket must be there already: the admin makes it with rwm storage-create. Without the password, which is that of the configuration, nobody can read the backups any more: keep a copy of it off this host.`
}

func (c resticInitCmd) Run(a *app) error {
	version, err := repositoryVersion(c.RepositoryVersion)
	if err != nil {
		return usageError{err}
	}
	r, err := a.repository(a.cli.Restic.Access, version)
	if err != nil {
		return err
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

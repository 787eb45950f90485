package main

import (
	"errors"

	"github.com/cesnet/rwm/internal/resticflags"
	"github.com/cesnet/rwm/restic"
)

// fromFlags name a second repository, to copy from.
type fromFlags struct {
	FromRepo               string `env:"RESTIC_FROM_REPOSITORY" help:"Source REPOSITORY." placeholder:"REPOSITORY"`
	FromRepositoryFile     string `env:"RESTIC_FROM_REPOSITORY_FILE" help:"Read the source repository's location from FILE." placeholder:"FILE" predictor:"file"`
	FromPasswordFile       string `help:"Read the source repository's password from FILE ($RESTIC_FROM_PASSWORD_FILE)." placeholder:"FILE" predictor:"file"`
	FromPasswordCommand    string `help:"Get the source repository's password from the output of COMMAND ($RESTIC_FROM_PASSWORD_COMMAND)." placeholder:"COMMAND"`
	FromKeyHint            string `env:"RESTIC_FROM_KEY_HINT" help:"Try the key with this ID first." placeholder:"ID"`
	FromInsecureNoPassword bool   `help:"The source repository has an empty password."`

	// restic's old names, for the destination.
	Repo2            string `name:"repo2" hidden:"" env:"RESTIC_REPOSITORY2"`
	RepositoryFile2  string `name:"repository-file2" hidden:"" env:"RESTIC_REPOSITORY_FILE2"`
	PasswordFile2    string `name:"password-file2" hidden:"" env:"RESTIC_PASSWORD_FILE2"`
	PasswordCommand2 string `name:"password-command2" hidden:"" env:"RESTIC_PASSWORD_COMMAND2"`
	KeyHint2         string `name:"key-hint2" hidden:"" env:"RESTIC_KEY_HINT2"`
}

func (f fromFlags) given() bool {
	return f.FromRepo != "" || f.FromRepositoryFile != "" || f.Repo2 != "" || f.RepositoryFile2 != ""
}

// repositories returns where to copy from and to. With --from-repo the other
// repository is the source, with the old --repo2 it is the destination.
func (f fromFlags) repositories(a *app) (from, to *repository, err error) {
	if a.cli.Restic.momentFlags.given() {
		return f.copyFromPast(a)
	}
	access := a.cli.Restic.Access
	if f.old() {
		if from, err = a.repository(access); err != nil {
			return nil, nil, err
		}
		a.cli.Restic.NoLock = false // the other is written to
		to, err = f.other(a)
		return from, to, err
	}
	if from, err = f.other(a); err != nil {
		return nil, nil, err
	}
	to, err = a.destination(access)
	return from, to, err
}

// destination is a repository that is written to, so it is always locked.
func (a *app) destination(access resticflags.Access) (*repository, error) {
	access.NoLock = false
	return a.repository(access)
}

func (f fromFlags) old() bool { return f.Repo2 != "" || f.RepositoryFile2 != "" }

func (f fromFlags) openOther(a *app) (*restic.Session, error) {
	r, err := f.other(a)
	if err != nil {
		return nil, err
	}
	return r.open()
}

func (f fromFlags) other(a *app) (*repository, error) {
	switch {
	case !f.given():
		return nil, usageError{errors.New("the source is missing: --from-repo REPOSITORY or --from-repository-file FILE")}
	case f.old() && (f.FromRepo != "" || f.FromRepositoryFile != ""):
		return nil, usageError{errors.New("--from-repo and --repo2 cannot be used together")}
	}
	access := a.cli.Restic.Access // but for these:
	access.Repo, access.RepositoryFile = f.FromRepo, f.FromRepositoryFile
	access.PasswordFile, access.PasswordCommand = f.FromPasswordFile, f.FromPasswordCommand
	access.KeyHint, access.InsecureNoPassword = f.FromKeyHint, f.FromInsecureNoPassword
	prefix := "RESTIC_FROM"
	if f.old() {
		access.Repo, access.RepositoryFile = f.Repo2, f.RepositoryFile2
		access.PasswordFile, access.PasswordCommand = f.PasswordFile2, f.PasswordCommand2
		access.KeyHint, prefix = f.KeyHint2, "RESTIC2"
	}
	r, err := a.namedRepository(access, nil)
	if err != nil {
		return nil, err
	}
	return r, r.elsewhere(access, prefix, "")
}

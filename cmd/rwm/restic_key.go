package main

import (
	"context"
	"errors"

	"github.com/cesnet/rwm/restic"
)

type resticKeyCmd struct {
	Add    resticKeyAddCmd    `cmd:"" help:"Add a password to the repository."`
	List   resticKeyListCmd   `cmd:"" help:"List the keys: one for each password."`
	Passwd resticKeyPasswdCmd `cmd:"" help:"Replace the password."`
	Remove resticKeyRemoveCmd `cmd:"" help:"Remove a key."`
}

type newKeyFlags struct {
	NewPasswordFile       string `help:"Read the new password from FILE." placeholder:"FILE" predictor:"file"`
	NewInsecureNoPassword bool   `help:"Make the new password empty."`
	User                  string `help:"User name of the new key." placeholder:"USER"`
	Host                  string `help:"Host name of the new key." placeholder:"HOST"`
}

func (f newKeyFlags) options() restic.KeyOptions {
	return restic.KeyOptions{User: f.User, Host: f.Host, AllowEmptyPassword: f.NewInsecureNoPassword}
}

func (f newKeyFlags) password(a *app) (string, error) {
	switch {
	case f.NewInsecureNoPassword && f.NewPasswordFile != "":
		return "", usageError{errors.New("--new-password-file and --new-insecure-no-password cannot be used together")}
	case f.NewInsecureNoPassword:
		return "", nil
	case f.NewPasswordFile != "":
		password, err := readSecretFile(a.ctx, f.NewPasswordFile)
		if err == nil && password == "" {
			err = usageError{errors.New("the new password is empty")}
		}
		return password, err
	}
	return askTwice(a, "enter new password: ")
}

type resticKeyAddCmd struct {
	writes
	newKeyFlags
}

func (c resticKeyAddCmd) Run(a *app) error {
	return c.run(a, "saved new key with ID %s", (*restic.Session).AddKey)
}

type resticKeyPasswdCmd struct {
	writes
	newKeyFlags
}

func (resticKeyPasswdCmd) Help() string {
	return "Put the new password into the configuration afterwards. An attacker who kept a copy of the old key can still read the repository."
}

func (c resticKeyPasswdCmd) Run(a *app) error {
	return c.run(a, "saved new key as %s", (*restic.Session).ChangePassword)
}

type keyChange func(s *restic.Session, ctx context.Context, password string, o restic.KeyOptions) (restic.ID, error)

func (f newKeyFlags) run(a *app, done string, change keyChange) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	password, err := f.password(a)
	if err != nil {
		return err
	}
	id, err := change(s, a.ctx, password, f.options())
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.emit(map[string]any{"id": id})
	}
	a.say(done, id)
	return nil
}

type resticKeyListCmd struct{ reads }

type jsonKey struct {
	Current  bool      `json:"current"`
	ID       restic.ID `json:"id"`
	UserName string    `json:"userName"`
	HostName string    `json:"hostName"`
	Created  string    `json:"created"`
}

func (resticKeyListCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	keys, err := s.Keys(a.ctx)
	if err != nil {
		return err
	}
	g := &grid{header: []string{" ID", "User", "Host", "Created"}, ruled: true}
	list := []jsonKey{}
	for _, k := range keys {
		if k.Err != nil {
			a.warn("key %s cannot be read: %v", k.ID, k.Err)
			continue
		}
		list = append(list, jsonKey{k.Current, k.ID, k.User, k.Host, formatTime(k.Created)})
		g.add(yesNo(k.Current, "*", " ")+k.ID.Short(), oneLine(k.User), oneLine(k.Host), formatTime(k.Created))
	}
	if a.cli.JSON {
		return a.emit(list)
	}
	a.show(g)
	return nil
}

type resticKeyRemoveCmd struct {
	writes
	ID string `arg:"" name:"ID" help:"ID of the key, or its beginning. The key in use cannot be removed."`
}

func (c resticKeyRemoveCmd) Run(a *app) error {
	s, err := a.session()
	if err != nil {
		return err
	}
	defer a.close(s)
	id, err := s.RemoveKey(a.ctx, c.ID)
	if err != nil {
		return err
	}
	a.say("removed key %s", id)
	return nil
}

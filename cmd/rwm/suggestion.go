package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/internal/suggest"
)

// suggestion completes the commands in a text that are to be run with the same
// configuration and repository: those in backquotes. Commands of another identity, such
// as the admin's in what a host prints, are written without.
func (a *app) suggestion(text string) string {
	if !strings.Contains(text, "`rwm ") {
		return text
	}
	own := "`" + a.command() + " "
	restic := own + "restic " + a.repositoryFlags()
	// What is complete already stays: an error's text may come by twice.
	return strings.NewReplacer(restic, restic, "`rwm restic ", restic, own, own, "`rwm ", own).Replace(text)
}

// command is how to call this program again with the same configuration.
func (a *app) command() string {
	if a.cli.Config == defaultConfig || a.cli.Config == "" {
		return "rwm"
	}
	return "rwm --config " + shellQuote(a.cli.Config)
}

// repositoryFlags are the flags that name the repository of a restic command and say
// how to open it. Without them, a suggested repair or unlock would act on the
// configured repository.
func (a *app) repositoryFlags() string {
	var flags strings.Builder
	access := a.cli.Restic.Access
	for _, flag := range []struct{ name, value string }{
		{"-r", access.Repo}, {"--repository-file", access.RepositoryFile},
		{"--password-file", access.PasswordFile}, {"--password-command", access.PasswordCommand},
	} {
		if flag.value != "" {
			flags.WriteString(flag.name + " " + shellQuote(flag.value) + " ")
		}
	}
	return flags.String()
}

// patience bounds how long a failed command searches for what was meant.
const patience = 5 * time.Second

// bucketMeant returns the bucket whose name is close to the missing one that an error
// names. It returns "" if there is none, or if the credentials may not list buckets.
func (a *app) bucketMeant(missing error) string {
	if a.connected == nil || a.repositoryFlags() != "" { // -r may be on another server
		return ""
	}
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	buckets, err := a.connected.Client().ListBuckets(ctx)
	if err != nil {
		return ""
	}
	var names []string
	for _, b := range buckets {
		names = append(names, b.Name)
	}
	written := slices.Clone(a.args)
	if a.loaded != nil {
		written = append(written, a.loaded.ResticBucket, a.loaded.RCCCryptBucket)
	}
	for _, word := range written {
		word, _, _ = strings.Cut(strings.TrimPrefix(word, "s3://"), "/")
		if word == "" || slices.Contains(names, word) || !strings.Contains(missing.Error(), word) {
			continue
		}
		if meant, ok := suggest.Nearest(word, names); ok {
			return meant
		}
	}
	return ""
}

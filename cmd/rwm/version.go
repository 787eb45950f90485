package main

import "runtime"

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	if a.cli.JSON {
		return a.emit(map[string]string{
			"version": versionNumber(), "restic_version": resticVersion,
			"go_version": runtime.Version(), "go_os": runtime.GOOS, "go_arch": runtime.GOARCH,
		})
	}
	a.println("rwm", versionNumber())
	if a.cli.Verbose > 0 {
		a.printf("restic %s linked in, compiled with %s on %s/%s\n", resticVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	}
	return nil
}

type resticVersionCmd struct{ elsewhere }

func (resticVersionCmd) Run(a *app) error {
	if a.cli.JSON {
		return a.emit(map[string]string{
			"message_type": "version", "version": resticVersion,
			"go_version": runtime.Version(), "go_os": runtime.GOOS, "go_arch": runtime.GOARCH,
		})
	}
	a.printf("restic %s (linked into rwm %s) compiled with %s on %s/%s\n",
		resticVersion, versionNumber(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

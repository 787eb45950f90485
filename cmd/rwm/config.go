package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/cesnet/rwm/rwm"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check the configuration and explain what it means."`
}

type configCheckCmd struct{}

func (configCheckCmd) Help() string {
	return `Reads the configuration as every command does, reports all that is wrong with it, and
says what it means: the order of the backups, defaults, where the secrets come from. No
secret is printed or read, no command is run, and nothing is sent anywhere.

  rwm --config /etc/rwm/rwm.conf config check`
}

func (configCheckCmd) Run(a *app) error {
	cfg, err := rwm.ReadConfig(a.ctx, a.cli.Config)
	if err != nil {
		return err
	}
	d, err := cfg.Describe()
	if err != nil {
		return err
	}
	if _, err := newRunTeller(a, cfg); err != nil { // a run begins with it
		return err
	}
	if a.cli.JSON {
		return a.emit(d)
	}
	for _, text := range d.Warnings {
		a.warning(text)
	}
	a.describe(d)
	return nil
}

func (a *app) describe(d *rwm.Description) {
	a.field("Configuration", d.File)
	a.field("Endpoint", d.EndpointURL)
	for _, key := range []string{"s3_access_key", "s3_secret_key", "restic_password", "rcc_crypt_password"} {
		if origin := d.Secrets[key]; origin != "" {
			a.field(key, oneLine(origin))
		}
	}
	if d.Bucket != "" {
		a.field("Repository", "bucket "+d.Bucket)
		a.field("Without versioning", yesNo(d.RequireVersioning, "refused", "a warning"))
	}
	if d.RCCBucket != "" {
		a.field("Files of rcc", "bucket "+d.RCCBucket)
	}
	a.field("Lock of a run", oneLine(d.LockPath))
	if len(d.BackupExtras) > 0 {
		a.field("Arguments of all", shellList(d.BackupExtras))
	}
	for i, b := range d.Backups {
		a.printf("\n%d. %s\n", i+1, oneLine(b.Name))
		for _, part := range []struct {
			name  string
			items []string
		}{{"runs before", b.PreRun}, {"saves", b.FilesDirs}, {"without", b.Excludes}, {"tags", b.Tags}, {"arguments", b.Extras}, {"runs after", b.PostRun}} {
			if len(part.items) > 0 {
				text := shellList(part.items)
				if strings.HasPrefix(part.name, "runs") { // first words, not commands to copy
					text = oneLine(strings.Join(part.items, "; "))
				}
				a.field("   "+part.name, text)
			}
		}
	}
	if len(d.Backups) > 0 {
		a.println()
		a.describeRetention(d)
	}
	for _, text := range d.Lacks {
		a.field("Lacks", text)
	}
}

func (a *app) describeRetention(d *rwm.Description) {
	if len(d.Retention) == 0 {
		a.field("Retention", "none: nothing is ever forgotten")
		return
	}
	var rules []string
	for _, key := range slices.Sorted(maps.Keys(d.Retention)) {
		rules = append(rules, key+" "+oneLine(d.Retention[key]))
	}
	a.field("Retention", strings.Join(rules, ", "))
	a.field("It applies to", map[rwm.RetentionScope]string{
		rwm.ScopeRepository: "every snapshot in the repository, those of other hosts and those made by hand included",
		rwm.ScopeHost:       "the snapshots of the hosts of these backups",
		rwm.ScopeBackups:    "the snapshots of the backups that a run makes",
	}[d.RetentionScope])
}

func shellList(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = shellQuote(oneLine(item))
	}
	return strings.Join(quoted, " ")
}

package main

import "github.com/cesnet/rwm/restic"

type resticOptionsCmd struct{ elsewhere }

func (resticOptionsCmd) Help() string { return "The extended options that -o takes." }

var extendedOptions = [][2]string{
	{"local.connections", "set a limit for the number of concurrent operations (default: 16)"},
	{"s3.bucket-lookup", "bucket lookup style: 'auto', 'dns', or 'path' (default: path)"},
	{"s3.connections", "set a limit for the number of concurrent connections (default: 16)"},
	{"s3.region", "set region (default: the server is asked; with -r s3:…, $AWS_DEFAULT_REGION)"},
	{"s3.retries", "set the number of attempts of a request (default: 2)"},
	{"s3.storage-class", "set S3 storage class (STANDARD, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING or REDUCED_REDUNDANCY)"},
	{"s3.unsafe-anonymous-auth", "do not sign requests: for public buckets"},
}

func (resticOptionsCmd) Run(a *app) error {
	a.say("All Extended Options:")
	for _, option := range extendedOptions {
		if a.cli.JSON {
			_ = a.emit(map[string]string{"name": option[0], "help": option[1]})
			continue
		}
		a.printf("  %-26s %s\n", option[0], option[1])
	}
	return nil
}

type resticFeaturesCmd struct{ elsewhere }

func (resticFeaturesCmd) Help() string {
	return "The environment variable RESTIC_FEATURES switches them: feature-a=true,feature-b=false."
}

func (resticFeaturesCmd) Run(a *app) error {
	list := restic.Features()
	if a.cli.JSON {
		return a.emit(list)
	}
	a.println("All Feature Flags:")
	g := &grid{header: []string{"Name", "Type", "Default", "Description"}, ruled: true}
	for _, f := range list {
		g.add(f.Name, f.Type, f.Default, f.Description)
	}
	a.show(g)
	return nil
}

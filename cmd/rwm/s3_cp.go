package main

import "github.com/cesnet/rwm/s3tool"

type s3CpCmd struct {
	Source      string `arg:"" help:"A file, a directory, s3://BUCKET/KEY, or - for standard input."`
	Destination string `arg:"" help:"The same, or - for standard output."`
	Recursive   bool   `short:"r" help:"Copy everything below the source."`
	s3Version
}

func (s3CpCmd) Help() string {
	return `With --recursive, s3://BUCKET/dir means everything below dir/. A partial file is named
NAME.part- and 40 digits; an object whose key looks like that is not copied to a file.

Run an interrupted copy again to continue where it stopped: parts on the server, or the
partial file NAME.part-…, are checked and kept. Between buckets the server copies.

If a file fails, the others are still copied; each failure is named, and the exit code
is 1.`
}

func (c s3CpCmd) Run(a *app) error {
	tool, err := a.s3()
	if err != nil {
		return err
	}
	result, err := tool.Copy(a.ctx, c.Source, c.VersionID, c.Destination, s3tool.CopyOptions{
		Recursive: c.Recursive,
		Input:     a.stdin,
		Output:    a.stdout,
		OnEvent: func(e s3tool.Copied) {
			switch {
			case c.Destination == "-":
			case a.cli.JSON:
				_ = a.emit(jsonCopied{"copied", e.Source, e.Destination, e.Bytes, e.Resumed})
			case e.Resumed > 0:
				a.say("%s -> %s (%s, %s of it from an earlier try)", printable(e.Source), printable(e.Destination), formatBytes(e.Bytes), formatBytes(e.Resumed))
			default:
				a.say("%s -> %s (%s)", printable(e.Source), printable(e.Destination), formatBytes(e.Bytes))
			}
		},
	})
	if result != nil {
		for _, path := range result.Skipped {
			a.warn("skipped, not a regular file: %s", printable(path))
		}
	}
	if err != nil {
		return a.s3Failed(err)
	}
	if a.cli.JSON && c.Destination != "-" {
		return a.emit(jsonCopySummary{"summary", result.Copied, result.Bytes, result.Resumed, len(result.Skipped)})
	}
	return nil
}

type jsonCopied struct {
	MessageType string `json:"message_type"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Bytes       int64  `json:"bytes"`
	Resumed     int64  `json:"resumed"`
}

type jsonCopySummary struct {
	MessageType string `json:"message_type"`
	Copied      int    `json:"copied"`
	Bytes       int64  `json:"bytes"`
	Resumed     int64  `json:"resumed"`
	Skipped     int    `json:"skipped"`
}

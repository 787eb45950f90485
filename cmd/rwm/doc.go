// Command rwm is the Restic WORM Manager: restic backups on S3 that survive the
// credentials of the host which wrote them.
//
// The command line is thin on purpose. A command is a struct whose fields are its
// flags and arguments (github.com/alecthomas/kong) and whose Run method is one call
// of package rwm, restic or s3state followed by printing; one command, one file.
// What is shared by the commands sits beside them:
//
//	main.go        from the arguments to the exit code
//	cli.go         the list of commands and the flags every command has
//	args.go        puts flags and arguments in the order kong takes, as GNU programs do
//	help.go        --help, with quotes as they are typed
//	app.go         what a command is run with: streams, settings, the manager
//	exit.go        the exit codes, in one table
//	failure.go     an error as one line and, where there is one, a hint
//	signals.go     Ctrl-C, SIGTERM and a reader that went away
//	output.go      tables, plain lines, JSON
//	progress.go    bars on a terminal
//	transport.go   how S3 is talked to
//
// Start reading at main.go.
package main

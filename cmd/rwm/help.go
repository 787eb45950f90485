package main

import (
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// asTyped undoes what Go's doc formatter, which kong lays its help out with, makes of
// two quotes: an empty argument must look as it is typed.
var asTyped = strings.NewReplacer("“", "``", "”", "''")

func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	stdout := ctx.Stdout
	var text strings.Builder
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = stdout
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, asTyped.Replace(text.String()))
	return err
}

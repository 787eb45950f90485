package main

import (
	"os"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

// manCmd prints the manual page, for those who make packages.
type manCmd struct{}

func (manCmd) Run(a *app, parser *kong.Kong) error {
	page := mangokong.NewManPage(1, parser.Model)
	_, err := a.stdout.Write([]byte(page.Build(&datedDocument{roff.NewDocument()})))
	return err
}

// datedDocument has the time of the source, not of the moment: the same source gives
// the same package.
type datedDocument struct{ *roff.Document }

func (d *datedDocument) Heading(section uint, title, description string, _ time.Time) {
	epoch, _ := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	d.Document.Heading(section, title, description, time.Unix(epoch, 0).UTC())
}

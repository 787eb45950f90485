package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// stream is standard output or standard error. Writing to it first takes a
// progress bar off the terminal; the next change of the bar draws it again.
type stream struct {
	io.Writer
	terminal bool
	bar      *bar
}

func newStream(f *os.File, w io.Writer, b *bar) *stream {
	return &stream{Writer: w, terminal: term.IsTerminal(int(f.Fd())), bar: b}
}

func (s *stream) Write(p []byte) (int, error) {
	s.bar.mu.Lock()
	defer s.bar.mu.Unlock()
	s.bar.hide()
	return s.Writer.Write(p)
}

// println and printf write results. Failed writes need no care here: they end
// the run (pipeWriter).
func (a *app) println(args ...any)               { fmt.Fprintln(a.stdout, args...) }
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// say writes what --quiet and --json leave out; detail and trace want -v and -vv.
func (a *app) say(format string, args ...any)    { a.sayAt(0, format, args...) }
func (a *app) detail(format string, args ...any) { a.sayAt(1, format, args...) }
func (a *app) trace(format string, args ...any)  { a.sayAt(2, format, args...) }

func (a *app) sayAt(level int, format string, args ...any) {
	if !a.cli.Quiet && !a.cli.JSON && a.cli.Verbose >= level {
		a.printf(format+"\n", args...)
	}
}

// warn writes a line to stderr that is not the end of the run. Names and version ids
// in it may be an intruder's.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintln(a.stderr, visible(fmt.Sprintf(format, args...)))
}

// visible writes what would mess up a terminal in escapes.
func visible(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		char := text[i : i+n]
		i += n
		if r == '\n' || r == '\t' || strconv.IsPrint(r) && !(r == utf8.RuneError && n == 1) {
			b.WriteString(char)
			continue
		}
		b.WriteString(strings.Trim(strconv.Quote(char), `"`))
	}
	return b.String()
}

// emit prints v as one line of JSON.
func (a *app) emit(v any) error { return json.NewEncoder(a.stdout).Encode(v) }

// emitTo prints v as one line of JSON where restic does: errors go to stderr.
func emitTo(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }

// grid is a table: ruled on a terminal, aligned columns without rules in a pipe.
type grid struct {
	header []string
	rows   [][]string
	right  []int // columns of numbers, counted from 0
	ruled  bool  // rules in a pipe too, for tables that restic prints so
	spread bool  // an empty line between the rows
}

func (g *grid) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	g.rows = append(g.rows, row)
}

func (a *app) show(g *grid) {
	t := table.NewWriter()
	header := make(table.Row, len(g.header))
	for i, h := range g.header {
		header[i] = h
	}
	t.AppendHeader(header)
	for n, cells := range g.rows {
		row := make(table.Row, len(cells))
		for i, c := range cells {
			row[i] = a.paint(c)
		}
		if g.spread && n > 0 {
			t.AppendRow(table.Row{})
		}
		t.AppendRow(row)
	}
	var columns []table.ColumnConfig
	for _, i := range g.right {
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	style := table.StyleLight
	if !a.stdout.terminal {
		style = table.StyleDefault
	}
	style.Format.Header = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Options.SeparateHeader = a.stdout.terminal || g.ruled
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Box.MiddleSeparator = style.Box.MiddleHorizontal
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	a.printf("%s\n", rules(t.Render(), g.ruled && !a.stdout.terminal))
}

// rules makes the rule under the header as long as the table, without the last
// column's padding, and where asked for closes the table with another, as restic does.
func rules(table string, closed bool) string {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		if line != "" && strings.Trim(line, "-─") == "" {
			r := []rune(line)
			lines[i] = string(r[:len(r)-2])
		}
	}
	if closed && len(lines) > 1 {
		lines = append(lines, lines[1])
	}
	return strings.Join(lines, "\n")
}

// paint colours the words that say how it went, on terminals that want colour.
func (a *app) paint(cell string) string {
	if !a.stdout.terminal || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return cell
	}
	switch cell {
	case "OK":
		return text.FgGreen.Sprint(cell)
	case "ERROR", "FAILED":
		return text.FgRed.Sprint(cell)
	}
	return cell
}

// field prints one line "name   value", lined up with its neighbours.
func (a *app) field(name string, value any) { a.printf("%-22s %v\n", name+":", value) }

func yesNo(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}

// printable quotes a name that would mess up a terminal.
func printable(name string) string {
	for _, r := range name {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return fmt.Sprintf("%q", name)
		}
	}
	return name
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/cesnet/rwm/internal/redact"
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

// println and printf write results. Every text that the program prints passes
// here, in warn or in printFailure, and loses what would control a terminal: names,
// tags, hosts and keys may be an attacker's. What is printed byte for byte
// (JSON, the content of files) is written to a.stdout itself. Failed writes need no
// care here: type output remembers them.
func (a *app) println(args ...any)               { a.print(fmt.Sprintln(args...)) }
func (a *app) printf(format string, args ...any) { a.print(fmt.Sprintf(format, args...)) }

func (a *app) print(text string) {
	if a.stdout.terminal {
		text = visible(text)
	} else {
		text = withoutControls(text)
	}
	_, _ = io.WriteString(a.stdout, text)
}

// say writes what --quiet and --json leave out; detail and trace want -v and -vv.
func (a *app) say(format string, args ...any)    { a.sayAt(0, format, args...) }
func (a *app) detail(format string, args ...any) { a.sayAt(1, format, args...) }
func (a *app) trace(format string, args ...any)  { a.sayAt(2, format, args...) }

func (a *app) sayAt(level int, format string, args ...any) {
	if !a.cli.Quiet && !a.cli.JSON && a.cli.Verbose >= level {
		a.print(a.suggestion(fmt.Sprintf(format+"\n", args...)))
	}
}

// warn writes a line to stderr that is not the end of the run. Names and version IDs
// in it may be an attacker's, and an answer of the server may repeat a request's
// signature. What has several lines cannot look like several warnings.
func (a *app) warn(format string, args ...any) {
	text := a.suggestion(redact.Text(fmt.Sprintf(format, args...)))
	if a.cli.JSON {
		a.warnJSON(text)
		return
	}
	fmt.Fprintln(a.stderr, indented(visible(text)))
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n     ") }

func (a *app) warnJSON(text string) {
	_ = emitTo(a.stderr, map[string]string{"message_type": "warning", "message": text})
}

// plainLine is visible for one line: newlines and tabs are written in escapes too.
func plainLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(visible(text))
}

// visible writes everything that cannot be seen in escapes, but for the ends of lines
// and tabs.
func visible(text string) string {
	return escape(text, func(r rune, valid bool) bool {
		return r == '\n' || r == '\t' || valid && strconv.IsPrint(r)
	})
}

// withoutControls is for pipes and files, which may want names as they are: only
// control characters, those of eight bits included, become escapes.
func withoutControls(text string) string {
	return escape(text, func(r rune, valid bool) bool {
		return r == '\n' || r == '\t' || !unicode.IsControl(r)
	})
}

// oneLine is for a name inside a line: it also cannot begin a line of its own.
func oneLine(name string) string {
	return escape(name, func(r rune, valid bool) bool { return !unicode.IsControl(r) })
}

func oneLines(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = oneLine(name)
	}
	return out
}

// escape writes as in a Go string what keep does not let through. A byte that is no
// UTF-8 is asked about as the character of its value.
func escape(text string, keep func(r rune, valid bool) bool) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		valid := r != utf8.RuneError || n > 1
		if !valid {
			r = rune(text[i])
		}
		if char := text[i : i+n]; keep(r, valid) {
			b.WriteString(char)
		} else {
			b.WriteString(strings.Trim(strconv.Quote(char), `"`))
		}
		i += n
	}
	return b.String()
}

// emit prints v as one line of JSON.
func (a *app) emit(v any) error { return emitTo(a.stdout, v) }

// emitTo prints v as one line of JSON where restic does: errors go to stderr.
// encoding/json leaves the control characters of eight bits and DEL as they are.
func emitTo(w io.Writer, v any) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapedControls.Replace(line.String()))
	return err
}

var escapedControls = func() *strings.Replacer {
	var pairs []string
	for r := rune(0x7f); r < 0xa0; r++ {
		pairs = append(pairs, string(r), fmt.Sprintf(`\u%04x`, r))
	}
	return strings.NewReplacer(pairs...)
}()

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
		row[i] = withoutControls(fmt.Sprint(c))
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
			if a.stdout.terminal {
				c = visible(c)
			}
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
	// The colours are ours; the cells were made harmless when they were added.
	_, _ = io.WriteString(a.stdout, rules(t.Render(), g.ruled && !a.stdout.terminal)+"\n")
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

// printable quotes a name that has something in it that cannot be seen.
func printable(name string) string {
	for _, r := range name {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return fmt.Sprintf("%q", name)
		}
	}
	return name
}

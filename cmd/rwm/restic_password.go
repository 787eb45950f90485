package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/cesnet/rwm/internal/resticflags"
	"golang.org/x/term"
)

// secret is where a password comes from. Never from an argument: those can be
// read by everybody on the host.
type secret struct {
	value   string
	file    string
	command string
	none    bool // --insecure-no-password
	confirm bool // is a new one: the user types it twice
}

const passwordPrompt = "enter password for repository: "

func passwordFlags(access resticflags.Access) secret {
	return secret{
		file:    access.PasswordFile,
		command: access.PasswordCommand,
		none:    access.InsecureNoPassword,
	}
}

func (s secret) given() bool { return s.file != "" || s.command != "" || s.none }

// asked reports whether the user has to be asked.
func (s secret) asked() bool { return !s.given() && s.value == "" }

// or takes what is not given from the environment variables of restic that begin
// with prefix (RESTIC or RESTIC_FROM). --insecure-no-password beside one of these is
// refused, as in restic: a new repository would be open to everyone.
func (s secret) or(prefix string) secret {
	if s.given() && !s.none {
		return s
	}
	if prefix == "RESTIC2" { // restic's old names have the number at the end
		s.value = os.Getenv("RESTIC_PASSWORD2")
		return s
	}
	s.value = os.Getenv(prefix + "_PASSWORD")
	s.file = cmp.Or(s.file, os.Getenv(prefix+"_PASSWORD_FILE"))
	s.command = cmp.Or(s.command, os.Getenv(prefix+"_PASSWORD_COMMAND"))
	return s
}

// read returns the password; as the last resort a terminal is asked.
func (s secret) read(a *app) (string, error) {
	switch {
	case s.none && (s.value != "" || s.file != "" || s.command != ""):
		return "", usageError{errors.New("--insecure-no-password cannot be used together with a password")}
	case s.none:
		return "", nil
	case s.file != "" && s.command != "":
		return "", usageError{errors.New("--password-file and --password-command cannot be used together")}
	case s.command != "":
		return notEmpty("password command")(s.run(a))
	case s.file != "":
		return notEmpty("password file " + s.file)(readSecretFile(a.ctx, s.file))
	case s.value != "":
		return s.value, nil
	case a.stdinTaken():
		return "", usageError{errors.New("the password cannot come from stdin too: use --password-file or $RESTIC_PASSWORD")}
	case s.confirm:
		return askTwice(a, "enter password for new repository: ")
	}
	return ask(a, passwordPrompt)
}

// stdinTaken says that a backup reads its data or its list of files there.
func (a *app) stdinTaken() bool {
	b := a.cli.Restic.Backup
	return b.Stdin || slices.Contains(slices.Concat(b.FilesFrom, b.FilesFromVerbatim, b.FilesFromRaw), "-")
}

func (s secret) run(a *app) (string, error) {
	words, err := splitWords(s.command)
	if err != nil {
		return "", usageError{fmt.Errorf("password command: %w", err)}
	}
	cmd := exec.CommandContext(a.ctx, words[0], words[1:]...)
	_, cmd.Stderr = a.hookOutput()
	defer a.plain.end()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("password command %q: %w", words[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

func readSecretFile(ctx context.Context, name string) (string, error) {
	text, err := resticflags.ReadText(ctx, name)
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// notEmpty refuses an empty password: nobody typed one, so a file or a command is not
// what it should be.
func notEmpty(from string) func(string, error) (string, error) {
	return func(password string, err error) (string, error) {
		if err == nil && password == "" {
			return "", usageError{errors.New(from + ": it is empty; a repository without a password needs --insecure-no-password")}
		}
		return password, err
	}
}

// askTwice asks for a password that is new: on a terminal nobody sees what is typed.
func askTwice(a *app, prompt string) (string, error) {
	password, err := ask(a, prompt)
	if err != nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return password, err
	}
	again, err := ask(a, "enter password again: ")
	if err == nil && again != password {
		err = errors.New("the passwords differ; nothing was changed")
	}
	return password, err
}

// ask asks on a terminal, without showing what is typed; from anything else the
// first line of stdin is taken, as restic does.
func ask(a *app, prompt string) (string, error) {
	read := func() ([]byte, error) { return firstLine(a.stdin) }
	restore := func() {}
	if fd := int(a.stdin.Fd()); term.IsTerminal(fd) {
		fmt.Fprint(a.stderr, prompt)
		state, _ := term.GetState(fd)
		restore = func() { _ = term.Restore(fd, state) } // echo on again
		read = func() ([]byte, error) {
			text, err := term.ReadPassword(fd)
			fmt.Fprintln(a.stderr)
			return text, err
		}
	}
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case <-a.ctx.Done():
		restore()
		return "", a.ctx.Err()
	case in := <-got:
		if in.err == nil && len(in.text) == 0 {
			in.err = usageError{errors.New("no repository password: set restic_password in the configuration, or use --password-file or $RESTIC_PASSWORD")}
		}
		return string(in.text), in.err
	}
}

// firstLine reads no further than the line's end: what follows may be meant for
// the next question.
func firstLine(r io.Reader) ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' || errors.Is(err, io.EOF) {
			return bytes.TrimRight(line, "\r"), nil
		}
		if err != nil {
			return nil, err
		}
		line = append(line, one[:n]...)
	}
}

// splitWords splits a command line at spaces, with the quotes of a shell.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("it is empty")
	}
	return words, nil
}

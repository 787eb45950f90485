package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
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
	prompt  string
}

func passwordFlags(access resticflags.Access) secret {
	return secret{
		file:    access.PasswordFile,
		command: access.PasswordCommand,
		none:    access.InsecureNoPassword,
		prompt:  "enter password for repository: ",
	}
}

func (s secret) given() bool { return s.file != "" || s.command != "" || s.none }

// or takes what is not given from the environment variables of restic that begin
// with prefix (RESTIC or RESTIC_FROM).
func (s secret) or(prefix string) secret {
	if s.given() {
		return s
	}
	s.value = os.Getenv(prefix + "_PASSWORD")
	s.file = os.Getenv(prefix + "_PASSWORD_FILE")
	s.command = os.Getenv(prefix + "_PASSWORD_COMMAND")
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
		return s.run(a)
	case s.file != "":
		return readSecretFile(s.file)
	case s.value != "":
		return s.value, nil
	case !term.IsTerminal(int(a.stdin.Fd())):
		return "", usageError{errors.New("no repository password: set restic_password in the configuration, or use --password-file or $RESTIC_PASSWORD")}
	}
	return ask(a, s.prompt)
}

func (s secret) run(a *app) (string, error) {
	words, err := splitWords(s.command)
	if err != nil {
		return "", usageError{fmt.Errorf("password command: %w", err)}
	}
	cmd := exec.CommandContext(a.ctx, words[0], words[1:]...)
	cmd.Stderr = a.stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("password command %q: %w", words[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

func readSecretFile(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("password file: %w", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff")), nil
}

func ask(a *app, prompt string) (string, error) {
	fmt.Fprint(a.stderr, prompt)
	type answer struct {
		text []byte
		err  error
	}
	state, _ := term.GetState(int(a.stdin.Fd()))
	got := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(int(a.stdin.Fd()))
		got <- answer{text, err}
	}()
	select {
	case <-a.ctx.Done():
		_ = term.Restore(int(a.stdin.Fd()), state) // echo on again
		return "", a.ctx.Err()
	case in := <-got:
		fmt.Fprintln(a.stderr)
		if in.err == nil && len(in.text) == 0 {
			in.err = errors.New("an empty password is not allowed; --insecure-no-password is for repositories that have none")
		}
		return string(in.text), in.err
	}
}

func orElse(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
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

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cesnet/rwm/internal/suggest"
)

// orderArgs rewrites a command line the way GNU programs and restic read it, as
// kong alone does not: flags may stand between arguments (`backup /a -x /b`), a
// flag takes the next word whatever it looks like (`--exclude -old`), `-x=v`, `-xv`
// and `-x v` are the same, `--` after a group of commands is dropped, and the flags of
// a command may stand before it (`restic --host h1 backup /a`). Which flags take a
// value is read from kong's model. Unknown flags stay as they are: kong has the better
// error for them.
func orderArgs(root *kong.Node, args []string) ([]string, error) {
	o := orderer{node: root, rest: args}
	for len(o.rest) > 0 {
		arg := o.rest[0]
		o.rest = o.rest[1:]
		switch {
		case arg == "--" && len(o.node.Children) > 0:
		case arg == "--":
			o.takeAll()
		case o.early(arg):
		case o.takesID(arg):
			o.words = append(o.words, arg)
		case len(arg) > 2 && strings.HasPrefix(arg, "--"):
			o.long(arg)
		case len(arg) > 1 && arg[0] == '-':
			o.short(arg)
		default:
			if err := o.word(arg); err != nil {
				return nil, err
			}
		}
	}
	if o.empty != "" && !o.help {
		return nil, usageError{fmt.Errorf("%s is empty: give it a value, or leave it out%s", o.empty, emptyHint)}
	}
	if o.valueless != "" && !o.help {
		return nil, usageError{fmt.Errorf("%s needs a value", o.valueless)}
	}
	o.out = append(o.out, o.before...)                                       // no command came, and kong says that there is no such flag
	if o.help || len(o.node.Children) > 0 && !o.lost && len(o.before) == 0 { // a group without a command shows what it has
		o.out = append(o.out, "--help")
	}
	if len(o.words) > 0 {
		o.out = append(append(o.out, "--"), o.words...)
	}
	return o.out, nil
}

type orderer struct {
	node  *kong.Node // the command reached
	rest  []string   // not looked at yet
	out   []string   // commands and flags
	words []string   // arguments of the command
	help  bool
	empty string // the first flag or argument with an empty value
	// valueless is a flag that ends the command line instead of having a value. The "--"
	// before the arguments, which comes after the flags here, must not become its value.
	valueless string
	before    []string // flags before the command that has them
	stray     bool     // there was a flag that is unknown, and may take the next word
	lost      bool     // so what follows is left to kong, whose error names the flag
}

const emptyHint = `; a shell makes "$NAME" empty when NAME is not set`

// noteEmpty remembers a value that is empty. It is never taken for "not given":
// `forget --keep-within "$UNSET"` would remove what should be kept. What restic gives
// a meaning to says so in its help.
func (o *orderer) noteEmpty(what, value string) {
	if value == "" && o.empty == "" {
		o.empty = what
	}
}

func (o *orderer) noteFlag(flag *kong.Flag, value string) {
	if !strings.Contains(flag.Help, "''") {
		o.noteEmpty("--"+flag.Name, value)
	}
}

// takesID reports whether an argument that begins with a dash is a version ID, not
// flags: the IDs of Ceph RGW are random, and one in 64 begins so.
func (o *orderer) takesID(arg string) bool {
	n := len(o.words)
	if len(arg) < 16 || arg[0] != '-' || n >= len(o.node.Positional) || !o.node.Positional[n].Tag.Has("id") {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return arg[1] != '-' || findFlag(o.node, func(f *kong.Flag) bool { return f.Name == name }) == nil
}

func (o *orderer) takeAll() {
	o.words = append(o.words, o.rest...)
	o.rest = nil
}

func (o *orderer) word(arg string) error {
	if len(o.node.Children) == 0 {
		o.noteEmpty("an argument", arg)
		o.words = append(o.words, arg)
		return nil
	}
	for _, child := range o.node.Children {
		if child.Name != arg {
			continue
		}
		o.node = child
		o.out = append(o.out, arg)
		if len(child.Children) == 0 {
			o.rest = append(o.before, o.rest...)
			o.before = nil
		}
		if child.Passthrough && len(o.rest) > 0 && slices.Contains([]string{"--help", "-h"}, o.rest[0]) {
			// Help of ours; that of the program comes after a --.
			o.out = append([]string{"--help"}, o.out...)
			o.rest = nil
			return nil
		}
		if child.Passthrough {
			if len(o.rest) > 0 && o.rest[0] == "--" {
				o.rest = o.rest[1:]
			}
			// kong takes everything after such a command, a `--` of ours included.
			o.out = append(o.out, o.rest...)
			o.rest = nil
		}
		return nil
	}
	if arg == "help" {
		o.help = true
		return nil
	}
	if o.stray {
		o.out = append(append(o.out, arg), o.rest...)
		o.rest, o.lost = nil, true
		return nil
	}
	return usageError{unknownCommand(o.node, arg)}
}

// early keeps a flag, and its value, that stands before the command that has it: under
// `restic`, as the restic command reads them. Flags that no command has are left alone,
// and of those that mean different things nothing is guessed but what restic takes for
// granted: that they have a value.
func (o *orderer) early(arg string) bool {
	if o.node.Parent == nil || len(o.node.Children) == 0 || len(arg) < 2 || arg[0] != '-' {
		return false
	}
	name, _, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	match := func(f *kong.Flag) bool { return f.Name == name || slices.Contains(f.Aliases, name) }
	if arg[1] != '-' {
		letters := []rune(name)
		hasValue = hasValue || len(letters) > 1
		match = func(f *kong.Flag) bool { return f.Short == letters[0] }
	}
	if findFlag(o.node, match) != nil {
		return false
	}
	found := flagsBelow(o.node, match)
	if len(found) == 0 {
		return false
	}
	o.before = append(o.before, arg)
	if !hasValue && len(o.rest) > 0 && slices.ContainsFunc(found, takesValue) {
		o.before = append(o.before, o.rest[0])
		o.rest = o.rest[1:]
	}
	return true
}

// flagsBelow finds the flags of the commands in a group.
func flagsBelow(node *kong.Node, match func(*kong.Flag) bool) (found []*kong.Flag) {
	for _, child := range node.Children {
		for _, f := range child.Flags {
			if match(f) {
				found = append(found, f)
			}
		}
		found = append(found, flagsBelow(child, match)...)
	}
	return found
}

func (o *orderer) long(arg string) {
	name, value, hasValue := strings.Cut(arg[2:], "=")
	flag := findFlag(o.node, func(f *kong.Flag) bool { return f.Name == name || slices.Contains(f.Aliases, name) })
	switch {
	case flag == nil || hasValue || !takesValue(flag):
	case len(o.rest) == 0:
		o.valueless = "--" + flag.Name
	default:
		value, hasValue = o.rest[0], true
		arg += "=" + value
		o.rest = o.rest[1:]
	}
	if flag != nil && hasValue {
		o.noteFlag(flag, value)
	}
	o.stray = o.stray || flag == nil && !hasValue
	o.out = append(o.out, arg)
}

func (o *orderer) short(arg string) {
	letters := []rune(arg[1:])
	for i, letter := range letters {
		flag := findFlag(o.node, func(f *kong.Flag) bool { return f.Short == letter })
		tail := string(letters[i+1:])
		switch {
		case flag == nil:
			o.stray = true
			o.out = append(o.out, "-"+string(letters[i:]))
			return
		case strings.HasPrefix(tail, "="):
			o.noteFlag(flag, tail[1:])
			o.out = append(o.out, "--"+flag.Name+tail)
			return
		case !takesValue(flag):
			o.out = append(o.out, "--"+flag.Name)
		case tail != "":
			o.out = append(o.out, "--"+flag.Name+"="+tail)
			return
		case len(o.rest) > 0:
			o.noteFlag(flag, o.rest[0])
			o.out = append(o.out, "--"+flag.Name+"="+o.rest[0])
			o.rest = o.rest[1:]
			return
		default:
			o.valueless = "--" + flag.Name
		}
	}
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

func findFlag(node *kong.Node, match func(*kong.Flag) bool) *kong.Flag {
	for ; node != nil; node = node.Parent {
		for _, f := range node.Flags {
			if match(f) {
				return f
			}
		}
	}
	return nil
}

// unknownCommand says what there is instead.
func unknownCommand(node *kong.Node, name string) error {
	if node.Name == "restic" && node.Parent != nil {
		if why, known := resticElsewhere[name]; known {
			return fmt.Errorf("restic's command %q is not part of rwm: %s", name, why)
		}
	}
	title := commandTitle(node)
	if meant, ok := suggest.Nearest(name, childNames(node)); ok {
		return fmt.Errorf("there is no command %q; did you mean: %s %s", name, title, meant)
	}
	for _, group := range node.Children {
		for _, child := range childNames(group) {
			if child == name {
				return fmt.Errorf("there is no command %q; did you mean: %s %s %s", name, title, group.Name, name)
			}
		}
	}
	for _, group := range node.Children {
		if meant, ok := suggest.Nearest(name, childNames(group)); ok {
			return fmt.Errorf("there is no command %q; did you mean: %s %s %s", name, title, group.Name, meant)
		}
	}
	return fmt.Errorf("there is no command %q; %s has: %s", name, title, strings.Join(childNames(node), ", "))
}

// commandTitle is what one types to reach a command.
func commandTitle(node *kong.Node) string {
	if node.Parent == nil {
		return "rwm"
	}
	return commandTitle(node.Parent) + " " + node.Name
}

func childNames(node *kong.Node) []string {
	var names []string
	for _, child := range node.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	return names
}

// commandName is the first word that is not a flag, for use before parsing.
func commandName(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--config":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}

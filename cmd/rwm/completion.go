package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/posener/complete"
	"github.com/willabides/kongplete"

	"github.com/cesnet/rwm/rwm"
)

// completeAndExit answers the shell when it asks for completions (it says so in
// COMP_LINE) and otherwise does nothing.
func completeAndExit(parser *kong.Kong) {
	if os.Getenv("COMP_LINE") == "" {
		return
	}
	kongplete.Complete(parser,
		kongplete.WithPredictor("file", complete.PredictFiles("*")),
		kongplete.WithPredictor("dir", complete.PredictDirs("*")),
		kongplete.WithPredictor("backup", complete.PredictFunc(predictBackups)),
		kongplete.WithExitFunc(os.Exit))
}

type completionCmd struct {
	Shell string `arg:"" optional:"" enum:",bash,zsh,fish" default:"" help:"bash, zsh or fish (default: that of $SHELL)."`
}

func (completionCmd) Help() string {
	return `Put the script where the shell reads it when it starts:
  rwm completion bash >> ~/.bashrc
  rwm completion zsh  >> ~/.zshrc
  rwm completion fish >  ~/.config/fish/completions/rwm.fish`
}

var completionScripts = map[string]string{
	"bash": "complete -o default -C %[1]q rwm\n",
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\ncomplete -o default -C %[1]q rwm\n",
	"fish": `function __complete_rwm
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    %[1]q
end
complete -f -c rwm -a "(__complete_rwm)"
`,
}

func (c completionCmd) Run(a *app) error {
	shell := c.Shell
	if shell == "" {
		shell = filepath.Base(os.Getenv("SHELL"))
	}
	script, ok := completionScripts[shell]
	if !ok {
		return usageError{fmt.Errorf("no completion for shell %q; name one of bash, zsh, fish", shell)}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	a.printf(script, self)
	return nil
}

// predictBackups offers the names of the configured backups.
func predictBackups(complete.Args) []string {
	cfg, err := rwm.LoadConfig(defaultConfig)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(cfg.Backups))
}

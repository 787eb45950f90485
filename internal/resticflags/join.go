package resticflags

import "github.com/alecthomas/kong"

// JoinValues rewrites `--flag value` and `-f value` to `--flag=value` for the
// flags of the given kong nodes that take a value. restic takes any value that
// way, one that begins with a dash too (`--exclude -old`); kong does not.
func JoinValues(args []string, nodes ...*kong.Node) []string {
	takesValue := map[string]string{}
	for _, node := range nodes {
		for _, flag := range node.Flags {
			if flag.IsBool() || flag.IsCounter() {
				continue
			}
			takesValue["--"+flag.Name] = flag.Name
			if flag.Short != 0 {
				takesValue["-"+string(flag.Short)] = flag.Name
			}
		}
	}
	var joined []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(joined, args[i:]...)
		}
		if name, ok := takesValue[args[i]]; ok && i+1 < len(args) {
			joined = append(joined, "--"+name+"="+args[i+1])
			i++
			continue
		}
		joined = append(joined, args[i])
	}
	return joined
}

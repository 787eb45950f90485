package s3state

import (
	"fmt"
	"strings"

	"github.com/cesnet/rwm/internal/plural"
)

// DescribeCounts describes counts in words, for instance "written 12 packs (1.2 MiB), 1
// index; deleted 2 locks". bytes formats a size; nil leaves sizes out.
func DescribeCounts(counts []Count, bytes func(n int64) string) string {
	var parts []string
	for _, change := range []Change{Written, Overwritten, Deleted, Rewritten} {
		var list []string
		for _, c := range counts {
			if c.Change != change {
				continue
			}
			text := plural.Of(c.N, string(c.Type))
			if c.Type == TypeOther {
				text = fmt.Sprintf("%d foreign", c.N)
			}
			if c.Type == TypePack && c.Bytes > 0 && bytes != nil {
				text += " (" + bytes(c.Bytes) + ")"
			}
			list = append(list, text)
		}
		if len(list) > 0 {
			parts = append(parts, string(change)+" "+strings.Join(list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// normalizer takes out of output what cannot be the same twice: the IDs and
// times of what is new, durations, who wrote it.
type normalizer struct {
	world     *diffWorld
	replace   *strings.Replacer
	unordered bool
}

var hexID = regexp.MustCompile(`\b([0-9a-f]{64}|[0-9a-f]{8})\b`)

// clock is what texts say of durations, and of sizes that depend on the times in what
// is stored.
var clock = regexp.MustCompile(`\[\d+:\d\d\]| in \d+:\d\d|(?m:(Added|Would add) to the repository: .*$)`)

func (n normalizer) text(s string) string {
	s = clock.ReplaceAllString(s, "SOME")
	return hexID.ReplaceAllStringFunc(n.replace.Replace(s), func(id string) string {
		if n.world.known[id] {
			return id
		}
		return "NEW"
	})
}

func (n normalizer) lines(s string) []string {
	lines := strings.Split(strings.TrimSpace(n.text(s)), "\n")
	slices.Sort(lines)
	return lines
}

// table are the words of a table: how wide columns are is left out.
func (n normalizer) table(s string) (rows []string) {
	for _, line := range n.lines(s) {
		if row := strings.Join(strings.Fields(line), " "); strings.Trim(row, "-") != "" {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	return rows
}

// json reads a stream of values. Status messages depend on the clock and are left out.
func (n normalizer) json(t *testing.T, stream []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(stream))
	dec.UseNumber()
	values := []any{}
	for {
		var v any
		err := dec.Decode(&v)
		if err == io.EOF {
			break
		}
		if err != nil {
			return []any{"not JSON", n.lines(string(stream))}
		}
		if object, ok := v.(map[string]any); ok && object["message_type"] == "status" {
			continue
		}
		values = append(values, n.value("", v))
	}
	if n.unordered {
		slices.SortFunc(values, func(a, b any) int { return strings.Compare(pretty(a), pretty(b)) })
	}
	return values
}

// vague are numbers that depend on the clock; the sizes because times of directories
// are part of what is stored.
var vague = []string{"data_added", "data_added_packed", "total_duration", "duration", "seconds_elapsed", "seconds_remaining"}

func (n normalizer) value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "program_version")
		if item, ok := v["item"].(string); ok && strings.HasSuffix(item, "/") && strings.HasPrefix(n.world.data, item) {
			// other tests change the directories above, and so the length of their times
			v["metadata_size"], v["metadata_size_in_repo"] = "SOME", "SOME"
		}
		for k, field := range v {
			v[k] = n.value(k, field)
		}
		return v
	case []any:
		for i := range v {
			v[i] = n.value("", v[i])
		}
		if n.unordered {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(pretty(a), pretty(b)) })
		}
		return v
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil && time.Since(at) < 24*time.Hour && strings.Contains("time backup_start backup_end", key) {
			return "NOW"
		}
		return n.text(v)
	case json.Number:
		if slices.Contains(vague, key) {
			return "SOME"
		}
	}
	return v
}

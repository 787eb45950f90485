package keeper

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cesnet/rwm/keeper/signs"
	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/rwm"
)

// Every is a period, or never. The zero value is never.
type Every struct {
	on     bool
	period time.Duration
}

// Always means at every pass.
func Always() Every { return Every{on: true} }

// Period means once within d.
func Period(d time.Duration) Every { return Every{true, d} }

// Never means not at all.
func Never() Every { return Every{} }

// On reports whether e is anything but never.
func (e Every) On() bool { return e.on }

// Duration returns the length of the period; 0 for always and never.
func (e Every) Duration() time.Duration { return e.period }

func (e Every) String() string {
	switch {
	case !e.on:
		return "off"
	case e.period == 0:
		return "always"
	}
	return Span(e.period).String()
}

// MarshalText writes it as String does, which also is its form in JSON.
func (e Every) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads "off", "always" or a duration like 7d.
func (e *Every) UnmarshalText(text []byte) error {
	switch string(text) {
	case "off", "never", "no", "false":
		*e = Never()
		return nil
	case "always":
		*e = Always()
		return nil
	}
	d, err := rwm.ParseSpan(string(text))
	if err != nil || d <= 0 || d > mostSpan {
		return fmt.Errorf("invalid duration %q: write it like 7d or 12h (100 years at most), or off, or always", text)
	}
	*e = Period(d)
	return nil
}

// UnmarshalYAML reads what UnmarshalText does.
func (e *Every) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: must be a period like 7d or 12h, or off, or always", node.Line)
	}
	if err := e.UnmarshalText([]byte(node.Value)); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

// Span is a duration, written like 30d or 1d12h.
type Span time.Duration

// UnmarshalYAML reads a duration.
func (s *Span) UnmarshalYAML(node *yaml.Node) error {
	d, err := parseSpan(node)
	*s = Span(d)
	return err
}

// mostSpan is as long as can be added to a time with what a task may be late.
const mostSpan = 100 * 365 * 24 * time.Hour

func parseSpan(node *yaml.Node) (time.Duration, error) {
	d, err := rwm.ParseSpan(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || d <= 0 || d > mostSpan {
		return 0, fmt.Errorf("line %d: invalid duration %q: write it like 7d or 12h (100 years at most)", node.Line, node.Value)
	}
	return d, nil
}

func (s Span) String() string {
	d := time.Duration(s)
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	if d%time.Hour == 0 && d > 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

// Size is a number of bytes, written like 20G.
type Size int64

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(node *yaml.Node) error {
	n, err := restic.ParseSize(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || n > 1<<62 {
		return fmt.Errorf("line %d: invalid size %q: write it like 500M or 20G", node.Line, node.Value)
	}
	*s = Size(n)
	return nil
}

// checkSensitivity accepts the words of [signs.ParseSensitivity] and sets the default.
func (c *StorageConfig) checkSensitivity() error {
	s, err := signs.ParseSensitivity(string(c.Sensitivity))
	c.Sensitivity = s
	return err
}

package restic

import (
	"fmt"

	engfeature "github.com/restic/restic/rwmlink/feature"
)

// Feature is a feature flag of the engine, as listed by `restic features`.
type Feature struct {
	Name string `json:"name"`
	// Type is alpha, beta, stable or deprecated. Stable features are always on,
	// deprecated ones always off.
	Type        string `json:"type"`
	Default     bool   `json:"default"`
	Description string `json:"description"`
}

// Features lists the features of the engine, by name.
func Features() []Feature {
	var list []Feature
	for _, f := range engfeature.Flag.List() {
		list = append(list, Feature(f))
	}
	return list
}

// SetFeatures switches features on and off for the whole process:
// "feature-a=true,feature-b=false", as restic takes it from RESTIC_FEATURES. Call it
// before any repository is opened. The warnings are about features that can no longer
// be switched.
func SetFeatures(flags string) (warnings []string, err error) {
	err = engfeature.Flag.Apply(flags, func(text string) { warnings = append(warnings, text) })
	if err != nil {
		return nil, fmt.Errorf("features %q: %w", flags, err)
	}
	return warnings, nil
}

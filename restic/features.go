package restic

import (
	"fmt"

	"github.com/restic/restic/rwmlink/feature"
)

// Feature is a behaviour of the engine that can be switched, as `restic features` lists it.
type Feature struct {
	Name string `json:"name"`
	// Type is alpha, beta, stable or deprecated. Stable features are always on, deprecated ones always off.
	Type        string `json:"type"`
	Default     bool   `json:"default"`
	Description string `json:"description"`
}

// Features lists the features of the engine, by name.
func Features() []Feature {
	var list []Feature
	for _, f := range feature.Flag.List() {
		list = append(list, Feature(f))
	}
	return list
}

// SetFeatures switches features on and off, for the whole process: "feature-a=true,feature-b=false", as restic takes it from
// RESTIC_FEATURES. Call it before any repository is opened. The warnings are about features that cannot be switched any more.
func SetFeatures(flags string) (warnings []string, err error) {
	err = feature.Flag.Apply(flags, func(text string) { warnings = append(warnings, text) })
	if err != nil {
		return nil, fmt.Errorf("features %q: %w", flags, err)
	}
	return warnings, nil
}

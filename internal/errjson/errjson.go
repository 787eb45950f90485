// Package errjson writes errors into JSON as their texts. A plain error becomes {},
// which says nothing and cannot be read back.
package errjson

import (
	"encoding/json"
	"errors"
)

// Error is its error's text in JSON, and null without one. What is read back has the
// text only.
type Error struct{ Err error }

// MarshalJSON writes the text.
func (e Error) MarshalJSON() ([]byte, error) {
	if e.Err == nil {
		return []byte("null"), nil
	}
	return json.Marshal(e.Err.Error())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Error) UnmarshalJSON(text []byte) error {
	var said *string
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	e.Err = nil
	if said != nil {
		e.Err = errors.New(*said)
	}
	return nil
}

package main

import (
	"time"

	"github.com/cesnet/rwm/s3state"
)

type jsonHistory struct {
	Bucket          string          `json:"bucket"`
	Steps           []jsonStep      `json:"steps"`
	Suspicions      []jsonSuspicion `json:"suspicions"`
	TotalSuspicions int             `json:"total_suspicions"`
	Unread          int             `json:"unread"` // keys, indexes and snapshots judged by the listing alone
	States          []jsonState     `json:"states"`
	LastGood        *time.Time      `json:"last_good"` // null if there is none
	LastGoodState   *jsonState      `json:"last_good_state"`
	Commands        []string        `json:"commands"`
}

type jsonStep struct {
	From       time.Time   `json:"from"`
	To         time.Time   `json:"to"`
	Counts     []jsonCount `json:"counts"`
	Suspicions int         `json:"suspicions"`
}

type jsonCount struct {
	Type   s3state.FileType `json:"type"`
	Change s3state.Change   `json:"change"`
	N      int64            `json:"n"`
	Bytes  int64            `json:"bytes"`
}

type jsonSuspicion struct {
	Time      time.Time `json:"time"`
	Key       string    `json:"key,omitempty"`
	VersionID string    `json:"version_id,omitempty"`
	Reason    string    `json:"reason"`
}

func newJSONHistory(h *s3state.History, commands []string) jsonHistory {
	out := jsonHistory{
		Bucket: h.Bucket, Steps: []jsonStep{}, Suspicions: []jsonSuspicion{}, TotalSuspicions: h.Total, Unread: h.Unread,
		States: newJSONStates(h.States), Commands: orEmpty(commands),
	}
	for _, st := range h.Steps {
		step := jsonStep{From: st.From, To: st.To, Counts: []jsonCount{}, Suspicions: st.Suspicions}
		for _, c := range st.Counts {
			step.Counts = append(step.Counts, jsonCount(c))
		}
		out.Steps = append(out.Steps, step)
	}
	for _, s := range h.Suspicions {
		out.Suspicions = append(out.Suspicions, jsonSuspicion(s))
	}
	if !h.LastGood.IsZero() {
		out.LastGood = &h.LastGood
	}
	if h.LastGoodState != nil {
		s := newJSONState(*h.LastGoodState)
		out.LastGoodState = &s
	}
	return out
}

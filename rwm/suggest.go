package rwm

import "github.com/cesnet/rwm/internal/suggest"

func didYouMean(written string, names []string) string { return suggest.DidYouMean(written, names) }

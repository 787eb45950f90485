package s3dev

import (
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"time"
)

// ControlHandler serves the server's controls as JSON over HTTP, for programs
// that run the s3dev command:
//
//	PUT    /clock     {"set": TIME} or {"freeze": TIME} or {"advance": "1h"}; answers {"now": TIME}
//	PUT    /latency   {"latency": "20ms"}
//	POST   /faults    a Fault;         DELETE /faults    clears them
//	GET    /requests  the request log; DELETE /requests  empties it
//	POST   /synthetic a Synthetic
//	PUT    /quota     {"bucket": B, "bytes": N, "objects": N}
//	GET    /usage?bucket=B what a bucket holds
//	POST   /lifecycle applies lifecycle rules now; answers what that did
//	GET    /lifecycle what lifecycle has done
//	POST   /reset     Reset
//	GET    /stats     memory in use
//
// A client that can reach it controls the server: bind it to the loopback interface.
func (s *Server) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /clock", control(func(in struct {
		Set, Freeze time.Time
		Advance     Duration
	}) (any, error) {
		if !in.Set.IsZero() {
			s.clock.Set(in.Set)
		}
		if !in.Freeze.IsZero() {
			s.clock.Freeze(in.Freeze)
		}
		s.clock.Advance(time.Duration(in.Advance))
		return map[string]time.Time{"now": s.clock.Now()}, nil
	}))
	mux.HandleFunc("PUT /latency", control(func(in struct{ Latency Duration }) (any, error) {
		s.SetLatency(time.Duration(in.Latency))
		return nil, nil
	}))
	mux.HandleFunc("POST /faults", control(func(f Fault) (any, error) { return nil, s.Inject(f) }))
	mux.HandleFunc("DELETE /faults", control(func(struct{}) (any, error) { s.ClearFaults(); return nil, nil }))
	mux.HandleFunc("GET /requests", control(func(struct{}) (any, error) { return s.Requests(), nil }))
	mux.HandleFunc("DELETE /requests", control(func(struct{}) (any, error) { s.ResetRequests(); return nil, nil }))
	mux.HandleFunc("POST /synthetic", control(func(syn Synthetic) (any, error) { return nil, s.AddSynthetic(syn) }))
	mux.HandleFunc("PUT /quota", control(func(in struct {
		Bucket string
		Quota
	}) (any, error) {
		return nil, s.SetQuota(in.Bucket, in.Quota)
	}))
	mux.HandleFunc("GET /usage", func(w http.ResponseWriter, r *http.Request) {
		control(func(struct{}) (any, error) { return s.Usage(r.URL.Query().Get("bucket")) })(w, r)
	})
	mux.HandleFunc("POST /lifecycle", control(func(struct{}) (any, error) { return s.RunLifecycle(), nil }))
	mux.HandleFunc("GET /lifecycle", control(func(struct{}) (any, error) { return s.LifecycleEvents(), nil }))
	mux.HandleFunc("POST /reset", control(func(struct{}) (any, error) { s.Reset(); return nil, nil }))
	mux.HandleFunc("GET /stats", control(func(struct{}) (any, error) {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return map[string]uint64{"heap_bytes": stats.HeapAlloc, "system_bytes": stats.Sys}, nil
	}))
	return mux
}

// control makes a handler of a function from a JSON body to a JSON answer.
func control[In any](fn func(In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil && err != io.EOF {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := fn(in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if out == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	}
}

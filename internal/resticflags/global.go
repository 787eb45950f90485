package resticflags

// Global are the flags every restic command takes, as in restic 0.19.1.
type Global struct {
	Output
	Access
}

// Output says what is printed.
type Output struct {
	Quiet   bool `short:"q" help:"Show no progress."`
	Verbose int  `short:"v" type:"counter" help:"Say more; twice says even more."`
	JSON    bool `name:"json" help:"Print JSON."`
}

// Access says which repository is opened and how.
type Access struct {
	Repo               string `short:"r" help:"Repository to use instead of the configured one." placeholder:"REPOSITORY"`
	RepositoryFile     string `help:"Read the repository's location from FILE." placeholder:"FILE"`
	PasswordFile       string `short:"p" help:"Read the repository's password from FILE ($RESTIC_PASSWORD_FILE)." placeholder:"FILE"`
	PasswordCommand    string `help:"Get the repository's password from the output of COMMAND ($RESTIC_PASSWORD_COMMAND)." placeholder:"COMMAND"`
	KeyHint            string `env:"RESTIC_KEY_HINT" help:"Try the key with this ID first." placeholder:"ID"`
	InsecureNoPassword bool   `help:"Use an empty password."`

	NoLock       bool   `help:"Do not lock the repository (reading only)."`
	CacheDir     string `env:"RESTIC_CACHE_DIR" help:"Keep the cache in DIRECTORY." placeholder:"DIRECTORY"`
	NoCache      bool   `help:"Use no cache."`
	CleanupCache bool   `help:"Remove old cache directories."`

	HTTP

	Compression         string   `env:"RESTIC_COMPRESSION" enum:"auto,off,fastest,better,max," default:"" help:"Compression: auto, off, fastest, better or max." placeholder:"MODE"`
	PackSize            uint     `env:"RESTIC_PACK_SIZE" help:"Target size of packs in MiB." placeholder:"MIB"`
	NoExtraVerify       bool     `help:"Do not verify data once more before the upload."`
	LimitUpload         int      `help:"Limit uploads to KIBS KiB/s." placeholder:"KIBS"`
	LimitDownload       int      `help:"Limit downloads to KIBS KiB/s." placeholder:"KIBS"`
	RetryLock           string   `help:"Keep trying to lock the repository for DURATION." placeholder:"DURATION"`
	StuckRequestTimeout string   `help:"Abort and retry a request that stalls for DURATION." placeholder:"DURATION"`
	Option              []string `short:"o" sep:"none" help:"Extended option KEY=VALUE." placeholder:"KEY=VALUE"`
}

// HTTP says how the storage is talked to.
type HTTP struct {
	Cacert        []string `env:"RESTIC_CACERT" help:"Load root certificates from FILE." placeholder:"FILE"`
	TLSClientCert string   `env:"RESTIC_TLS_CLIENT_CERT" name:"tls-client-cert" help:"PEM FILE with a TLS client certificate and its key." placeholder:"FILE"`
	InsecureTLS   bool     `name:"insecure-tls" help:"Do not verify the server's certificate."`
	HTTPUserAgent string   `env:"RESTIC_HTTP_USER_AGENT" name:"http-user-agent" help:"User agent of HTTP requests." placeholder:"AGENT"`
}

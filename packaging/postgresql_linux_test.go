package packaging_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cesnet/rwm/internal/harness"
)

// pgServer starts a PostgreSQL server with data of its own, reachable by a socket only,
// and returns the directory of the socket; more sockets can be asked for. With the
// authentication trust it believes what it is told, with peer it asks the system.
func pgServer(t *testing.T, auth string, sockets ...string) (socket string) {
	t.Helper()
	bin, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bin) > 0 {
		os.Setenv("PATH", os.Getenv("PATH")+":"+bin[len(bin)-1]) //nolint:errcheck // Debian keeps them out of it
	}
	need(t, "initdb", "postgres", "psql", "pg_dump", "pg_dumpall", "pg_restore")
	dir, err := os.MkdirTemp("", "pg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // temporary
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command("initdb", "--pgdata", data, "--username=postgres", "--auth="+auth, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
	initdb.Dir, initdb.SysProcAttr = dir, attr
	output(t, initdb)
	server := exec.Command("postgres", "-D", data, "-k", strings.Join(append(sockets, dir), ","), "-c", "listen_addresses=", "-c", "fsync=off")
	server.Dir, server.SysProcAttr = dir, attr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(os.Interrupt) //nolint:errcheck // Wait tells
		server.Wait()                       //nolint:errcheck // it was told to end
	})
	eventually(t, "the PostgreSQL server", func() bool {
		_, err := os.Stat(filepath.Join(data, "postmaster.pid"))
		return err == nil && exec.Command("pg_isready", "-h", dir, "-t", "1").Run() == nil
	})
	return dir
}

func TestPostgreSQLDump(t *testing.T) {
	socket := pgServer(t, "trust")
	connect := []string{"--host=" + socket, "--username=postgres"}
	sql := func(database, text string) string {
		t.Helper()
		cmd := exec.Command("psql", append(connect, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qtA", "-d", database)...)
		cmd.Stdin = strings.NewReader(text)
		return output(t, cmd)
	}
	sql("postgres", `CREATE ROLE clerk LOGIN; CREATE DATABASE shop OWNER clerk; CREATE DATABASE "it's a \ shop";`)
	sql("shop", `CREATE TABLE item (id int PRIMARY KEY, name text, raw bytea);
		INSERT INTO item VALUES (1, 'žluťoučký 🐎', '\x00ff0a27'), (2, NULL, NULL); ALTER TABLE item OWNER TO clerk;`)
	const question = "SELECT *, (SELECT tableowner FROM pg_tables WHERE tablename='item') FROM item ORDER BY id"
	want := sql("shop", question)

	dir := filepath.Join(t.TempDir(), "dumps")
	hook := func() {
		output(t, exec.Command(absolute(t, "hooks/rwm-postgresql-dump"), append([]string{dir}, connect...)...))
	}
	hook()
	if got := names(t, dir); !slices.Equal(got, []string{"globals.sql", `it's a \ shop.dump`, "postgres.dump", "shop.dump"}) {
		t.Errorf("dumps: %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "shop.dump")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of a dump: %v %v", info.Mode(), err)
	}

	sql("postgres", `DROP DATABASE shop; DROP DATABASE "it's a \ shop"; DROP ROLE clerk;`)
	globals, err := os.ReadFile(filepath.Join(dir, "globals.sql"))
	if err != nil {
		t.Fatal(err)
	}
	sql("postgres", strings.ReplaceAll(string(globals), "CREATE ROLE postgres;", "")) // there already
	output(t, exec.Command("pg_restore", append(connect, "--create", "--exit-on-error", "-d", "postgres", filepath.Join(dir, "shop.dump"))...))
	if got := sql("shop", question); got != want {
		t.Errorf("restored:\n%s\nwant:\n%s", got, want)
	}
	hook()
	if got := names(t, dir); !slices.Equal(got, []string{"globals.sql", "postgres.dump", "shop.dump"}) {
		t.Errorf("a dropped database's dump stays: %q", got)
	}

	// A failure leaves the old dumps, no half of a new one, and is no success.
	out, err := exec.Command(absolute(t, "hooks/rwm-postgresql-dump"), dir, "--host=/nowhere").CombinedOutput()
	if err == nil || len(out) == 0 {
		t.Errorf("no server: %v %q", err, out)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"globals.sql", "postgres.dump", "shop.dump"}) {
		t.Errorf("after a failure: %q", got)
	}
}

// Root without connection options is let in as the user postgres, as Debian sets its
// servers up; the dumps are root's.
func TestPostgreSQLDumpByRoot(t *testing.T) {
	const sockets = "/var/run/postgresql"
	if os.Getuid() != 0 {
		harness.NotHere(t, "only root becomes the user postgres")
	}
	port := strconv.Itoa(20000 + os.Getpid()%20000) // beside this machine's own server
	t.Setenv("PGPORT", port)
	if err := os.MkdirAll(sockets, 0o2775); err != nil {
		t.Fatal(err)
	}
	if u, err := user.Lookup("postgres"); err == nil {
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(sockets, uid, gid); err != nil { // as the package has it
			t.Fatal(err)
		}
	}
	pgServer(t, "peer", sockets)
	if out, err := exec.Command("psql", "-h", sockets, "-U", "postgres", "-c", "SELECT 1").CombinedOutput(); err == nil {
		t.Fatalf("the server lets anybody in: %s", out)
	}
	dir := filepath.Join(t.TempDir(), "dumps")
	output(t, exec.Command(absolute(t, "hooks/rwm-postgresql-dump"), dir))
	if got := names(t, dir); !slices.Equal(got, []string{"globals.sql", "postgres.dump"}) {
		t.Errorf("dumps: %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "postgres.dump")); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 || info.Size() == 0 {
		t.Errorf("the dump: %+v %v", info, err)
	}
}

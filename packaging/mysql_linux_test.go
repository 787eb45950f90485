package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// mysqlServer starts a MariaDB server with data of its own, reachable by a socket only,
// and returns the option file for clients.
func mysqlServer(t *testing.T) (options string) {
	t.Helper()
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") //nolint:errcheck // where mariadbd is
	need(t, "mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump")
	dir, err := os.MkdirTemp("", "mysql") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // temporary
	socket, data := filepath.Join(dir, "s"), filepath.Join(dir, "data")
	output(t, exec.Command("mariadb-install-db", "--no-defaults", "--force", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db", "--datadir="+data))
	server := exec.Command("mariadbd", "--no-defaults", "--user=root", "--datadir="+data, "--socket="+socket, "--skip-networking", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-buffer-pool-size=16M")
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait tells
		server.Wait()                          //nolint:errcheck // it was told to end
	})
	options = write(t, filepath.Join(dir, "my.cnf"), "[client]\nuser=root\nsocket="+socket+"\n", 0o600)
	eventually(t, "the MariaDB server", func() bool {
		return exec.Command("mariadb", "--defaults-extra-file="+options, "-e", "SELECT 1").Run() == nil
	})
	return options
}

func TestMySQLDump(t *testing.T) {
	options := mysqlServer(t)
	client := func(database, sql string) string {
		t.Helper()
		cmd := exec.Command("mariadb", "--defaults-extra-file="+options, "--default-character-set=utf8mb4", "-N", "-B", database)
		cmd.Stdin = strings.NewReader(sql)
		return output(t, cmd)
	}
	client("", `CREATE DATABASE shop; USE shop;
		CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(40) CHARACTER SET utf8mb4, raw BLOB) ENGINE=InnoDB;
		INSERT INTO item VALUES (1, 'žluťoučký 🐎', x'00ff0a27'), (2, NULL, NULL);
		CREATE PROCEDURE twice() SELECT 2;
		CREATE DATABASE `+"`with space`"+`; CREATE TABLE `+"`with space`"+`.t (a INT); INSERT INTO `+"`with space`"+`.t VALUES (42);
		CREATE DATABASE `+"`back\\slash`; CREATE DATABASE `--help`;")
	const question = "SELECT id, name, HEX(raw) FROM item ORDER BY id; CALL twice();"
	want := client("shop", question)

	dir := filepath.Join(t.TempDir(), "dumps")
	hook := absolute(t, "hooks/rwm-mysql-dump")
	option := "--defaults-extra-file=" + options
	output(t, exec.Command(hook, dir, option))
	if got := names(t, dir); !slices.Equal(got, []string{"--help.sql", `back\slash.sql`, "mysql.sql", "shop.sql", "with space.sql"}) {
		t.Errorf("dumps: %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "shop.sql")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of a dump: %v %v", info.Mode(), err)
	}
	// A database's name is never taken for an option.
	if odd, err := os.ReadFile(filepath.Join(dir, "--help.sql")); err != nil || !strings.Contains(string(odd), "USE `--help`;") {
		t.Errorf("the dump of --help: %s %v", odd, err)
	}
	first, err := os.ReadFile(filepath.Join(dir, "shop.sql"))
	if err != nil {
		t.Fatal(err)
	}

	// What did not change gives the same bytes, so that nothing is stored again.
	output(t, exec.Command(hook, dir, option))
	if again, err := os.ReadFile(filepath.Join(dir, "shop.sql")); err != nil || string(again) != string(first) {
		t.Errorf("an unchanged database gives another dump (%v)", err)
	}

	client("", "DROP DATABASE shop; DROP DATABASE `with space`; DROP DATABASE `back\\slash`; DROP DATABASE `--help`")
	client("", string(first))
	if got := client("shop", question); got != want {
		t.Errorf("restored:\n%s\nwant:\n%s", got, want)
	}
	output(t, exec.Command(hook, dir, option))
	if got := names(t, dir); !slices.Equal(got, []string{"mysql.sql", "shop.sql"}) {
		t.Errorf("a dropped database's dump stays: %q", got)
	}
}

// A failure leaves the old dumps, no half of a new one, and is no success.
func TestMySQLDumpFails(t *testing.T) {
	options := mysqlServer(t)
	dir := t.TempDir()
	hook := absolute(t, "hooks/rwm-mysql-dump")
	write(t, filepath.Join(dir, "shop.sql"), "old", 0o600)
	wrong := write(t, filepath.Join(t.TempDir(), "wrong.cnf"), "[client]\nsocket=/nowhere\n", 0o600)
	for what, cmd := range map[string]*exec.Cmd{
		"no server": exec.Command(hook, dir, "--defaults-extra-file="+wrong),
		// mariadb takes the option, mariadb-dump does not.
		"a dump fails": exec.Command(hook, dir, "--defaults-extra-file="+options, "--no-auto-rehash"),
		"no argument":  exec.Command(hook),
	} {
		if out, err := cmd.CombinedOutput(); err == nil || len(out) == 0 {
			t.Errorf("%s: %v %q", what, err, out)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"shop.sql"}) {
			t.Errorf("%s: left %q", what, got)
		}
	}
}

//go:build unix

package keeper

import (
	"io/fs"
	"os"
	"syscall"
)

// likeDirectory gives a file the owner of a directory. Root acknowledges alarms in the
// state of a keeper that runs as a user of its own, which then has to read it.
func likeDirectory(name, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Lchown(name, int(st.Uid), int(st.Gid))
	}
	return nil
}

// likeTop gives what root has made below a directory the directory's owner. A pass by
// hand would else leave files, such as the record of renewals, that the keeper's own
// user cannot read.
func likeTop(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	top, ok := info.Sys().(*syscall.Stat_t)
	if !ok || top.Uid == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir) // its owner may put links there
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Uid != 0 || !info.IsDir() && st.Nlink != 1 {
			return nil
		}
		return root.Lchown(name, int(top.Uid), int(top.Gid))
	})
}

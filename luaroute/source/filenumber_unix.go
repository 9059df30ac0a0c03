//go:build unix

package source

import (
	"io/fs"
	"syscall"
)

// fileNumber tells files of one name apart.
func fileNumber(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino)
	}
	return 0
}

package source

import (
	"context"
	"os"
	"path/filepath"
)

// noteGlob notes the files that a name or glob stands for.
func noteGlob(ctx context.Context, pattern string, names []string) {
	Note(ctx, "glob "+pattern, listStamp(names), func(context.Context) Stamp {
		names, _ := expand(pattern) // a failure is an empty list, as it was for the load
		return listStamp(names)
	})
}

// Glob returns the files that a glob finds, and notes them.
func Glob(ctx context.Context, pattern string) []string {
	names, _ := filepath.Glob(pattern) // one that is malformed finds nothing
	Note(ctx, "found "+pattern, listStamp(names), func(context.Context) Stamp {
		names, _ := filepath.Glob(pattern)
		return listStamp(names)
	})
	return names
}

// readNoted reads a file, and notes what was in it, or why it could not be read.
func readNoted(ctx context.Context, name string) ([]byte, error) {
	bytes, err := read(name)
	seen := sum(bytes)
	if err != nil {
		seen = failedStamp(err)
	}
	again := &content{
		stat: func(context.Context) (mark, error) { return statFile(name) },
		read: func(context.Context) ([]byte, error) { return read(name) },
	}
	Note(ctx, "file "+name, seen, again.stamp)
	return bytes, err
}

// statFile returns the mark of a file. An editor that writes a new file and renames it leaves another file under the name.
func statFile(name string) (mark, error) {
	info, err := os.Stat(name)
	if err != nil {
		return mark{}, reason(err)
	}
	return mark{info.Size(), info.ModTime(), fileNumber(info)}, nil
}

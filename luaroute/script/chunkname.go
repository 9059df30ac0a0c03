package script

import "strings"

// ChunkName returns what errors call a chunk that a script loads under a name, as Lua 5.1 does: a name after = or @ as it is; any other is
// the source itself, of which the beginning of the first line is shown.
func ChunkName(name string) string {
	const (
		mostName = 59
		mostPath = 52
		mostText = 43
	)
	switch {
	case strings.HasPrefix(name, "="):
		return name[1:min(len(name), 1+mostName)]
	case strings.HasPrefix(name, "@"):
		if path := name[1:]; len(path) > mostPath {
			return "..." + path[len(path)-mostPath:]
		}
		return name[1:]
	}
	line := name
	if end := strings.IndexAny(name, "\r\n"); end >= 0 {
		line = name[:end]
	}
	line = line[:min(len(line), mostText)]
	if len(line) < len(name) {
		line += "..."
	}
	return `[string "` + line + `"]`
}

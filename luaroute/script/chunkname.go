package script

import "strings"

// ChunkName returns what errors call a text that a script loads under a name, as Lua 5.1 does: a name behind = or @ as it is, and
// any other as the text itself, of which the beginning of the first line is shown.
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

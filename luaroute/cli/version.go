package cli

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is that of a release, set by the linker; those who build a module by its version need none.
var version string

// Modules that versions are told of.
const (
	ownModule = "github.com/luaroute/caddy-luaroute"
	caddyPath = "github.com/caddyserver/caddy/v2"
	chiPath   = "github.com/go-chi/chi/v5"
	luaPath   = "github.com/yuin/gopher-lua"
)

// versionCommand is `caddy luaroute version`.
func versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Prints the versions of luaroute and of what it is built with",
		Long:  "Prints the versions of luaroute, Caddy, chi, gopher-lua and Go, as a report of a mistake needs them.",
		Args:  noArgs,
	}
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			info = new(debug.BuildInfo)
		}
		printVersions(cmd.OutOrStdout(), info)
		return exitGood, nil
	})
	return cmd
}

func printVersions(out io.Writer, info *debug.BuildInfo) {
	fmt.Fprintf(out, "luaroute   %s\n", cmp.Or(version, moduleVersion(info, ownModule)))
	fmt.Fprintf(out, "caddy      %s\n", moduleVersion(info, caddyPath))
	fmt.Fprintf(out, "chi        %s\n", moduleVersion(info, chiPath))
	fmt.Fprintf(out, "gopher-lua %s\n", moduleVersion(info, luaPath))
	fmt.Fprintf(out, "go         %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// moduleVersion returns the version of a module in the binary.
func moduleVersion(info *debug.BuildInfo, path string) string {
	const unknown = "unknown"
	m := &info.Main
	for i := 0; m.Path != path; i++ {
		if i == len(info.Deps) {
			return unknown
		}
		m = info.Deps[i]
	}
	if m.Replace != nil {
		return fmt.Sprintf("%s, replaced by %s %s", cmp.Or(m.Version, unknown), m.Replace.Path, m.Replace.Version)
	}
	return cmp.Or(m.Version, unknown)
}

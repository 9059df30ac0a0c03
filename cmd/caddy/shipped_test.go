package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestTheConfigurationOfTheImageIsGood(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"validate"}, {"luaroute", "check"}} {
		if out, log, code := caddyOutputIn(t, "../../testdata/image", append(command, "--config", "Caddyfile")...); code != 0 {
			t.Errorf("%v: exit code %d\n%s%s", command, code, out, log)
		}
	}
}

// composition is what is looked at of a compose.yaml.
type composition struct {
	Services map[string]struct {
		Build, Image string
		Command      []string
		Environment  map[string]string
		Volumes      []string
	}
	Volumes map[string]any
}

func TestTheFilesForDockerComposeNameWhatThereIs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(examples, "*", "compose.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files; %v", err)
	}
	for _, file := range append(files, "../../compose.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all composition
		if err := yaml.Unmarshal(text, &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		dir := filepath.Dir(file)
		exists := func(name, path string) {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
			}
		}
		for name, service := range all.Services {
			if (service.Build == "") == (service.Image == "") {
				t.Errorf("%s: %s has the image %q and is built from %q; expected one of both", file, name, service.Image, service.Build)
			}
			if service.Build != "" {
				exists(name, filepath.Join(dir, service.Build, "Dockerfile"))
			} else if !strings.Contains(service.Image, ":") {
				t.Errorf("%s: %s has the image %s of no version", file, name, service.Image)
			}
			config := "" // what is at /etc/caddy
			for _, volume := range service.Volumes {
				from, to, _ := strings.Cut(volume, ":")
				if !strings.HasPrefix(from, ".") {
					if _, ok := all.Volumes[from]; !ok {
						t.Errorf("%s: %s: there is no volume %s", file, name, from)
					}
					continue
				}
				exists(name, filepath.Join(dir, from))
				if to == "/etc/caddy:ro" {
					config = filepath.Join(dir, from)
				}
			}
			if service.Build == "" {
				continue
			}
			wanted := "Caddyfile"
			if at := slices.Index(service.Command, "--config"); at >= 0 {
				wanted = strings.TrimPrefix(service.Command[at+1], "/etc/caddy/")
			}
			exists(name, filepath.Join(config, wanted))
			for key, address := range service.Environment {
				if host, _, _ := strings.Cut(address, ":"); all.Services[host].Build+all.Services[host].Image == "" {
					t.Errorf("%s: %s: %s leads to %s, which is no service", file, name, key, address)
				}
			}
		}
	}
}

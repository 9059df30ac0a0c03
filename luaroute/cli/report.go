package cli

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
)

// Formats of findings, besides those of all commands.
const (
	formatGitHub = "github"
	formatSARIF  = "sarif"
)

// report prints findings.
func report(out io.Writer, format string, found []finding) error {
	switch format {
	case formatJSON:
		return writeJSON(out, found)
	case formatSARIF:
		return writeJSON(out, sarifOf(found))
	case formatGitHub:
		for _, f := range found {
			if _, err := fmt.Fprintln(out, f.command()); err != nil {
				return err
			}
		}
		return nil
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "no findings")
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	return nil
}

// inFile reports whether the place of a finding is in a file, not in the configuration.
func (f finding) inFile() bool { return f.Script != "" && f.Line > 0 }

// file returns the file of a finding, relative to the current folder if it is in it, with slashes.
func (f finding) file() string {
	name := f.Script
	if here, err := os.Getwd(); err == nil && filepath.IsAbs(name) {
		if relative, err := filepath.Rel(here, name); err == nil && filepath.IsLocal(relative) {
			name = relative
		}
	}
	return filepath.ToSlash(name)
}

// What GitHub's commands have for bytes that end them or one of their properties:
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command returns a finding as a command that makes GitHub show it at its line.
func (f finding) command() string {
	name := string(f.Severity)
	if f.Severity == lint.Note {
		name = "notice"
	}
	var properties []string
	add := func(key, value string) { properties = append(properties, key+"="+commandProperty.Replace(value)) }
	message := f.Message
	if f.inFile() {
		add("file", f.file())
		add("line", fmt.Sprint(f.Line))
		if f.Column > 0 {
			add("col", fmt.Sprint(f.Column))
		}
	} else if f.Script != "" {
		message = f.Script + ": " + message
	}
	add("title", f.Kind)
	return "::" + name + " " + strings.Join(properties, ",") + "::" + commandData.Replace(message)
}

// What a SARIF log has, as far as it is used here: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
		Configuration    struct {
			Level lint.Level `json:"level"`
		} `json:"defaultConfiguration"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     lint.Level      `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
	}
)

// sarifOf returns findings as a SARIF log.
func sarifOf(found []finding) sarifLog {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "luaroute", InformationURI: "https://github.com/luaroute/caddy-luaroute"}
	index := map[string]int{}
	for i, kind := range lint.Kinds {
		rule := sarifRule{ID: kind.Name, ShortDescription: sarifMessage{kind.Text}}
		rule.Configuration.Level = kind.Level
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
		index[kind.Name] = i
	}
	for _, f := range found {
		result := sarifResult{RuleID: f.Kind, RuleIndex: index[f.Kind], Level: f.Severity, Message: sarifMessage{f.Message}}
		switch {
		case f.inFile():
			at := &sarifPhysical{Region: sarifRegion{f.Line, f.Column}}
			at.Artifact.URI = fileURI(f.file())
			result.Locations = []sarifLocation{{Physical: at}}
		case f.Script != "":
			result.Locations = []sarifLocation{{Logical: []sarifLogical{{f.Script}}}}
		}
		run.Results = append(run.Results, result)
	}
	return sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

// fileURI returns the URI of a file; that of a relative name is relative.
func fileURI(name string) string {
	if filepath.IsAbs(filepath.FromSlash(name)) {
		return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(name, "/")}).String()
	}
	return (&url.URL{Path: name}).String()
}

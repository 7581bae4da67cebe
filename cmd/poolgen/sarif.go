package main

import (
	"net/url"
	"path/filepath"
	"strings"
)

// finding is one result in a SARIF log.
type finding struct {
	code, file   string
	line, column int // from 1, 0 when it is about the whole file; columns count characters
	message      string
}

// What follows is the part of SARIF 2.1.0 that poolgen writes (OASIS, sections 3.13 to 3.58).
type (
	sarifDocument struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Name  string       `json:"name,omitempty"`
		Short sarifMessage `json:"shortDescription"`
		Full  sarifMessage `json:"fullDescription"`
		Help  sarifMessage `json:"help"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		OK            bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string       `json:"level"`
		Message sarifMessage `json:"message"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId,omitempty"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifactLoc `json:"artifactLocation"`
		Region   *sarifRegion     `json:"region,omitempty"`
	}
	sarifArtifactLoc struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
)

// sarifLog is the log of one run; err is what was wrong with the command line or the environment.
func sarifLog(found []finding, err error) sarifDocument {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "poolgen", Version: version(), URI: "https://github.com/poolgen/poolgen", Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{OK: err == nil}},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
	}
	if err != nil {
		run.Invocations[0].Notifications = []sarifNotification{{"error", sarifMessage{err.Error()}}}
	}
	index := map[string]int{}
	for i, r := range rules() {
		index[r.code] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{r.code, r.name, sarifMessage{r.title}, sarifMessage{strings.TrimSpace(r.text)}, sarifMessage{strings.TrimSpace(r.text)}})
	}
	for _, f := range found {
		i, ok := index[f.code]
		if !ok {
			i = -1 // as the standard has it for a rule that is not listed
		}
		at := sarifPhysical{Artifact: artifact(f.file)}
		if f.line > 0 {
			at.Region = &sarifRegion{f.line, f.column}
		}
		run.Results = append(run.Results, sarifResult{f.code, i, "error", sarifMessage{f.message}, []sarifLocation{{at}}})
	}
	return sarifDocument{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

// artifact names a file relative to the folder of the run, or absolutely when it is outside. Where that folder is is not said, so that
// the log is the same on every machine; %SRCROOT% is the customary name for it.
func artifact(name string) sarifArtifactLoc {
	if filepath.IsAbs(name) {
		return sarifArtifactLoc{URI: fileURI(name)}
	}
	return sarifArtifactLoc{URI: (&url.URL{Path: strings.TrimPrefix(filepath.ToSlash(name), "./")}).EscapedPath(), Base: "%SRCROOT%"}
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

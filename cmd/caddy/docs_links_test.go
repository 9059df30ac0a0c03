package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// htmlLink is a link of HTML in Markdown, such as the one of an image.
var htmlLink = regexp.MustCompile(`(?:src|href|srcset)="([^"]+)"`)

// markdown is what a file of Markdown links to, and which parts of it others may link to.
type markdown struct {
	links    []string
	headings map[string]bool
}

// readMarkdown reads a file as GitHub does.
func readMarkdown(source []byte) (markdown, error) {
	m := markdown{headings: map[string]bool{}}
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			m.links = append(m.links, string(n.Destination))
		case *ast.Image:
			m.links = append(m.links, string(n.Destination))
		case *ast.HTMLBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				m.addHTML(line.Value(source))
			}
		case *ast.RawHTML:
			m.addHTML(n.Segments.Value(source))
		case *ast.Heading:
			name := anchor(headingText(n, source))
			for i := 1; m.headings[name]; i++ { // the same heading again
				name = fmt.Sprintf("%s-%d", anchor(headingText(n, source)), i)
			}
			m.headings[name] = true
		}
		return ast.WalkContinue, nil
	})
	return m, err
}

func (m *markdown) addHTML(html []byte) {
	for _, found := range htmlLink.FindAllSubmatch(html, -1) {
		m.links = append(m.links, string(found[1]))
	}
}

func headingText(n ast.Node, source []byte) string {
	var all strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			all.Write(t.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return all.String()
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// broken returns the links of a file below root that lead nowhere.
func broken(root, name string) ([]string, error) {
	source, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	m, err := readMarkdown(source)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, link := range m.links {
		path, part, _ := strings.Cut(link, "#")
		if strings.Contains(path, "://") || strings.HasPrefix(path, "mailto:") {
			continue // a site of others: whether it answers is no matter of a change here
		}
		target := filepath.Join(root, name)
		if path != "" {
			target = filepath.Join(filepath.Dir(target), path)
		}
		text, err := os.ReadFile(target)
		if info, statErr := os.Stat(target); statErr == nil && info.IsDir() {
			err = nil
		}
		if err != nil {
			all = append(all, link+": there is no such file")
			continue
		}
		if part == "" || !strings.HasSuffix(target, ".md") {
			continue
		}
		other, err := readMarkdown(text)
		if err != nil {
			return nil, err
		}
		if !other.headings[part] {
			all = append(all, link+": the page has no such heading")
		}
	}
	return all, nil
}

func TestNoLinkOfADocumentLeadsNowhere(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("git", "-C", "../..", "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	names := strings.Fields(string(out))
	if err != nil || len(names) == 0 { // no checkout
		for _, name := range documents(t) {
			names = append(names, strings.TrimPrefix(name, "../../"))
		}
	}
	for _, name := range names {
		if strings.Contains(name, "testdata/") {
			continue
		}
		found, err := broken("../..", name)
		if err != nil {
			t.Error(err)
		}
		for _, link := range found {
			t.Errorf("%s: %s", name, link)
		}
	}
}

func TestDeadLinksAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.md":   "# One `two` three!\n\n## Same\n\n## Same\n\n[a](b.md) [b](b.md#x) [c](#one-two-three) [d](#same-1) [e](c.md) [f](#same-2) ![g](g.png)\n<img src=\"h.png\">\n[i](b.md#y) [j](https://example.com/nowhere) [k](sub)\n",
		"b.md":   "# X\n",
		"sub/.x": "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := broken(dir, "a.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "c.md: there is no such file\n#same-2: the page has no such heading\ng.png: there is no such file\n" +
		"h.png: there is no such file\nb.md#y: the page has no such heading"
	if got := strings.Join(found, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

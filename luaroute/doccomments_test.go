package luaroute

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// widest is how many columns a line of a comment may have that Caddy's site shows: it breaks no lines.
const widest = 120

func TestTheCommentsOfModulesFitCaddysSite(t *testing.T) {
	t.Parallel()
	files, shown := token.NewFileSet(), 0
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, spec := range decl.Specs {
				of, ok := spec.(*ast.TypeSpec)
				if !ok || !of.Name.IsExported() {
					continue
				}
				fields, ok := of.Type.(*ast.StructType)
				if !ok || !configured(fields) && !strings.Contains(decl.Doc.Text(), "Caddy") {
					continue
				}
				shown++
				comments := []*ast.CommentGroup{decl.Doc, of.Doc}
				for _, field := range fields.Fields.List {
					comments = append(comments, field.Doc, field.Comment)
				}
				for _, group := range comments {
					if group == nil {
						continue
					}
					for _, line := range group.List {
						if n := utf8.RuneCountInString(line.Text); n > widest {
							t.Errorf("%s: a line of the comment has %d columns; allowed are %d", files.Position(line.Pos()), n, widest)
						}
					}
				}
			}
			return false
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if shown < 8 {
		t.Errorf("found %d types of configurations, want 8 at least", shown)
	}
}

// configured reports whether a struct is read from JSON.
func configured(s *ast.StructType) bool {
	for _, field := range s.Fields.List {
		if field.Tag != nil && strings.Contains(field.Tag.Value, "json:") {
			return true
		}
	}
	return false
}

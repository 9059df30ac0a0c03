package dashboard

import (
	"net/http"
	"slices"
)

// scriptInfo is a script in the list of the page.
type scriptInfo struct {
	Name  string `json:"name"`
	Lines int    `json:"lines"`
}

// scripts lists the scripts, as their sources have them now.
func scripts(q question) error {
	list := []scriptInfo{}
	for _, s := range sourcesOf(q) {
		list = append(list, scriptInfo{s.name, s.lines()})
	}
	return q.write(list)
}

// script answers with the text of one.
func script(q question) error {
	name := q.r.URL.Query().Get("name")
	all := sourcesOf(q)
	i := slices.IndexFunc(all, func(s text) bool { return s.name == name })
	if i < 0 {
		return status(http.StatusNotFound, "no script %q", name)
	}
	return q.write(struct {
		Name string `json:"name"`
		Code string `json:"code"`
	}{name, conceal(q.text(all[i].code))})
}

// text is the text of a script.
type text struct{ name, code string }

func (t text) lines() int {
	n := 1
	for i := range len(t.code) {
		if t.code[i] == '\n' && i < len(t.code)-1 {
			n++
		}
	}
	return n
}

// sourcesOf returns the scripts of an instance.
func sourcesOf(q question) (all []text) {
	for _, set := range q.Inspect().Sources {
		scripts, err := set.Scripts(q.r.Context())
		if err != nil {
			continue // the page shows the error of the last reload
		}
		for _, s := range scripts {
			all = append(all, text{s.Name, string(s.Code)})
		}
	}
	return all
}

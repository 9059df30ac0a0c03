package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// ask asks the admin API of a running Caddy.
func (f *flags) ask(method, path string, body string) ([]byte, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	address := strings.TrimSuffix(strings.TrimPrefix(f.address, "http://"), "/") // people copy it from a browser
	resp, err := caddycmd.AdminAPIRequest(address, method, path, header, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// askInstance asks about one instance, in the format of the flags.
func (f *flags) askInstance(method, name, endpoint string, query url.Values, body string) ([]byte, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("format", f.format)
	return f.ask(method, "/luaroute/"+url.PathEscape(name)+"/"+endpoint+"?"+query.Encode(), body)
}

// names returns the names of the instances that run, or the one of the flags.
func (f *flags) names() ([]string, error) {
	answer, err := f.ask(http.MethodGet, "/luaroute/", "")
	if err != nil {
		return nil, err
	}
	var all []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return nil, err
	}
	var names []string
	for _, in := range all {
		names = append(names, in.Name)
	}
	if f.name == "" {
		return names, nil
	}
	if !slices.Contains(names, f.name) {
		return nil, f.unknownName(names)
	}
	return []string{f.name}, nil
}

// one returns the only instance there is.
func one[T any](all []T, name func(T) string) (T, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	var none T
	if len(all) == 0 {
		return none, errors.New("there is no luaroute handler")
	}
	names := make([]string, len(all))
	for i, in := range all {
		names[i] = name(in)
	}
	return none, wrongUseError{fmt.Errorf("there are several instances; expected --name with one of %s", strings.Join(names, ", "))}
}

// wrongUseError is an error of those who have called a command, with exit code 2.
type wrongUseError struct{ error }

// exitCode returns the code for an error.
func exitCode(err error) int {
	var wrong wrongUseError
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &wrong):
		return exitWrongUse
	}
	return exitFindings
}

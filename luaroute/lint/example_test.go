package lint_test

import (
	"fmt"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
)

// The scripts of an instance are looked at together: a pool that one declares may be named by another.
func ExampleScripts() {
	var scripts lint.Scripts
	modules, err := scripts.Add("main.lua", []byte(`
local route, limits = require("luaroute"), require("limits")
route:pool("users", { "10.0.0.1:8080" })
route:pool("old", { "10.0.0.2:8080" })
route:get("/users", function(req)
  count = (count or 0) + 1
  return "users"
end)`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("requires", modules)
	for _, w := range scripts.Findings() {
		fmt.Printf("%s:%d: %s\n", w.Script, w.Line, w.Message)
	}
	// Output:
	// requires [luaroute limits]
	// main.lua:4: pool "old" is declared, and nothing names it
	// main.lua:6: global "count" is assigned while a request runs, which is an error; write local count, or use req.ctx
}

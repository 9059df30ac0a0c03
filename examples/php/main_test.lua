local route = require("luaroute")

describe("the site", function()
  it("hands a parameter to PHP", function()
    local out = route.simulate{ path = "/articles/a%26b=c" }
    expect(out.pool):equals("php")
    expect(out.request.uri):equals("/article.php?slug=a%26b%3Dc")
  end)

  it("runs no file that has no route", function()
    for _, path in ipairs{ "/index.php", "/config.php", "/articles/x/y.php", "/static%2f..%2findex.php" } do
      expect(route.simulate{ path = path }.status):equals(404)
    end
  end)
end)

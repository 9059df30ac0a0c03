local route = require("luaroute")

route:pool("api", { "127.0.0.1:7001" })

route:get("/v1/pets", { name = "listPets" }, "api")
route:post("/v1/pets", { name = "createPet" }, "api")
route:get("/v1/pets/mine", { name = "myPets" }, "api")
route:get("/v1/pets/{petId}", { name = "showPet" }, "api")
route:delete("/v1/pets/{petId}", { name = "DELETE /pets/{petId}" }, "api")
route:get("/v1/pets/{petId}/photos/{name}.jpg", { name = "photo" }, "api")
route:not_found({ status = 404, body = "not found\n" })

route:expect({ path = "/v1/pets" }, { pool = "api", route = "listPets" })
route:expect({ method = "POST", path = "/v1/pets" }, { pool = "api", route = "createPet" })
route:expect({ path = "/v1/pets/mine" }, { pool = "api", route = "myPets" })
route:expect({ path = "/v1/pets/minex" }, { pool = "api", route = "showPet", params = { petId = "minex" } })
route:expect({ method = "DELETE", path = "/v1/pets/minex" }, { pool = "api", route = "DELETE /pets/{petId}", params = { petId = "minex" } })
route:expect({ path = "/v1/pets/1/photos/front.jpg" }, { pool = "api", route = "photo", params = { petId = "1", name = "front" } })
-- line 7: security is not asked for here: the server does, or write route.keys or idp:bearer
-- line 31: the path /odd//path is dropped: expected segments with {name} or text
-- line 33: the reference "other.yml#/paths/x" is dropped: expected one to an object in this file
-- line 34: webhooks of the description has no counterpart

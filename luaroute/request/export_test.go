package request

import (
	"maps"
	"slices"
)

// ReqMethods and ResMethods return the names of all methods that scripts have.
var (
	ReqMethods = func() []string { return slices.Sorted(maps.Keys(reqFunctions)) }
	ResMethods = func() []string { return slices.Sorted(maps.Keys(resFunctions)) }
)

package vm

// Immutable marks the value of a userdata that never changes. Such userdata are not copied: all states share them, and
// their metatables.
type Immutable interface{ Immutable() }

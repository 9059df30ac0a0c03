package vm

// Standard has the standard libraries. Package stdlib imports this one, so only tests outside of it can say what they are.
var Standard func(*Builder)

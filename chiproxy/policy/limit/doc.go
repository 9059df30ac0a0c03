// Package limit bounds how many requests a client, a key or a route may make in a time, and how many at once.
//
// A Rate policy counts by the generic cell rate algorithm: for each key it knows one number, the time at which the budget will be whole again. It
// has no windows, so nobody gets twice as much around the end of one; and a key whose time has passed means nothing, so it can be dropped without
// loss. A Concurrency policy counts who is inside, and lets others stand in line.
//
// Both are middleware made of Options, and both count in a state that belongs to the process: a Book takes it for one table, and the next table
// finds it again.
package limit

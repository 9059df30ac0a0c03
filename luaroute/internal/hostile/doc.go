// Package hostile holds scripts that try to hurt the process, and the tests that they cannot.
package hostile

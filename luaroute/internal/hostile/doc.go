// Package hostile tests that the scripts of internal/attacks hurt neither the process nor their neighbours.
package hostile

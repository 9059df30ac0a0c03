package vm

import lua "github.com/yuin/gopher-lua"

// Scratch lets the functions that run calls assign globals, which is an error elsewhere while requests run. What they have
// assigned is forgotten when run returns: a global is again what the scripts made it while they loaded. Tables in
// globals are not copied for that.
func (s *State) Scratch(run func() error) error {
	s.scratch = map[lua.LValue]bool{}
	defer func() {
		assigned := s.scratch
		s.scratch = nil
		for name := range assigned {
			s.env.RawSet(name, lua.LNil) // the next read copies it from the image again
		}
	}()
	return run()
}

package testredis

// Freeze fails: this system stops no process.
func (s *Server) Freeze() { s.t.Fatal("processes cannot be frozen on this system") }

// Thaw fails, too.
func (s *Server) Thaw() { s.t.Fatal("processes cannot be frozen on this system") }

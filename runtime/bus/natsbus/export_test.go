package natsbus

// Routes is how many other servers s is connected to.
func (s *Server) Routes() int { return s.s.NumRoutes() }

// Syncs reports whether s has events on the disk before they are acknowledged.
func (s *Server) Syncs() bool { return s.s.JetStreamConfig().SyncAlways }

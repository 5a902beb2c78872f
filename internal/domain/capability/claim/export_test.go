package claim

// EngineOf is the engine of a capability, nil when there is none.
func (s *Supervisor) EngineOf(capability string) *Engine { return s.engine(capability) }

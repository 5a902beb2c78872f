package postgres

import "github.com/jackc/pgx/v5"

// Trace has every statement of the administrator reported. For use before the
// first statement.
func (s *Server) Trace(tracer pgx.QueryTracer) { s.trace = tracer }

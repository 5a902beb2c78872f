package proxy_test

import (
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/fair"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/limit"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy"
)

var (
	_ proxy.Authorizer = (*authn.Authorizer)(nil)
	_ proxy.Limiter    = (*limit.Limiter)(nil)
	_ proxy.Fairness   = (*fair.Fair)(nil)
)

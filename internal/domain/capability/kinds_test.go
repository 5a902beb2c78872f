package capability_test

import (
	"testing"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

func TestKindsInstall(t *testing.T) { kubetest.Start(t).InstallCRDs(t) }

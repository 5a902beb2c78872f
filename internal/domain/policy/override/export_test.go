package override

// CostOf is costOf, for tests.
var CostOf = costOf

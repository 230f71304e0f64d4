"""Service level objectives: error budgets, burn rates, and the alerts that come of them."""

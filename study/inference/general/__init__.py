"""The posterior of any `laws.law.Law`: density, importance draws, NUTS, intervals, PSIS-LOO and the forecast test."""

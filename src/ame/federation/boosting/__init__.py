"""Trees of XGBoost, grown together: by bagging, from site to site, or on common histograms."""

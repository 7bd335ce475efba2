"""Federated statistics: of sites' tables, the counts, means, histograms and quantiles of all."""

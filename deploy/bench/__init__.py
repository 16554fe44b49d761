"""`make bench`: how fast Redress is, as ratios within one run; never part of a test."""

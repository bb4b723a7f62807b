"""How the benchmarks measure: programs in turn, round by round, and a table of medians and ratios."""

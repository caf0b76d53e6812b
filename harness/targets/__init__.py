"""Where a scenario runs: each target builds the parts of a world from the same rendered files."""

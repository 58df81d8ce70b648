"""DataFrames into a commons and back: read, select, join, validate, compare, submit."""

"""One package an article, one module a section, named by its label: its figures, tables, numbers and verdict words."""

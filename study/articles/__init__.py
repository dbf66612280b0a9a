"""The articles: one module a section, holding its figures, tables, numbers and verdict words."""

"""The article on limited data: a module a section, each a few figures, tables, numbers, words and a verdict."""

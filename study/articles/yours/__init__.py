"""The article on `study fit` and `study next`, with an open table as a user's: a module a section."""

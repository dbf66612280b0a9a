"""What the articles derive from the records, without drawing it: no matplotlib."""

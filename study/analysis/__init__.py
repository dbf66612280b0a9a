"""What the articles derive from records and fits, without drawing."""

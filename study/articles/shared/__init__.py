"""What the sections of all articles use: the look of figures, numbers as text, words for conditions."""

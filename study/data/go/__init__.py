"""Go positions: games of GNU Go against itself, as moves; the rules that replay them; what a network sees of them."""

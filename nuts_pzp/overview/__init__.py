"""Overview: what PZP means. Items, statements, merge, conflicts, words. Pure."""

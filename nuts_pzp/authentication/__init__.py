"""Authentication (authenticatie): who speaks to us, and in whose name we speak."""

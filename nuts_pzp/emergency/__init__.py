"""Emergency access (spoedinzage): what a claim must have, how often, who is told, and the queue to judge it."""

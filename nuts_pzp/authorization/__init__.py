"""Authorization (autorisatie): the policy's answer on an access whose consent is settled."""

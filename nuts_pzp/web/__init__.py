"""The doors: listeners, TLS, and what each face of the gateway says."""

"""Adapters: the wire of each outside system, behind the ports it serves."""

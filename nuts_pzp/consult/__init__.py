"""Consult (raadplegen): a data user asks every source and gets one honest overview."""

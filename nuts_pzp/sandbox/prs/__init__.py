"""Twin of the pseudonym service (PRS): a real OPRF over ristretto255, answers sealed to the recipient (spec 2)."""

from .twin import PrsTwin, Recipient

__all__ = ["PrsTwin", "Recipient"]

"""The Nationale Verwijsindex (NVI), with the pseudonym service (PRS) and the OAuth server in front of both.

Serves localization. Trusts the three by mutual TLS and by nothing they say: answers are bounded and parsed here.
Spec generic-functions sections 1 and 2.
"""

from .locator import Nvi, build

__all__ = ["Nvi", "build"]

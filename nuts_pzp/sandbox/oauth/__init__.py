"""Twin of the national OAuth server, and of the gateway that checks its tokens in front of NVI and PRS (spec 1.4)."""

from .gateway import Gateway, Identity, NotAdmitted
from .server import Mandate, OAuthTwin

__all__ = ["Gateway", "Identity", "Mandate", "NotAdmitted", "OAuthTwin"]

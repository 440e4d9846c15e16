"""`python -m nuts_pzp.crew`: a child of the supervisor. Not a command for people."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..memory import log_without_drawing

if TYPE_CHECKING:
    from .child import Duty


def main() -> int:
    """Take the post that the arguments name."""
    os.environ.setdefault("RUST_LIB_BACKTRACE", "0")  # before the policy engine is imported
    log_without_drawing()
    from ..loops import run_on_uvloop
    from .child import post, serve

    role, where, control = post()
    duty: Duty
    if role == "writer":
        from .clerk import Clerk

        duty = Clerk(where)
    else:
        from .worker import Worker

        duty = Worker(where)
    return run_on_uvloop(serve(duty, control))


sys.exit(main())

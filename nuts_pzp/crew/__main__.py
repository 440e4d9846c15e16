"""`python -m nuts_pzp.crew`: a child of the supervisor. Not a command for people."""

import os
import sys

os.environ.setdefault("RUST_LIB_BACKTRACE", "0")  # before the policy engine is imported

from ..loops import run_on_uvloop
from .child import Duty, post, serve


def main() -> int:
    """Take the post that the arguments name."""
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

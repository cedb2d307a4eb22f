"""What schemathesis does not know: rooms that are there, so that more than refusals is tried.

Knows the names of path parameters. The one rule: some of what is made up stays as it was.
"""

import os
import random

import schemathesis

ROOM = os.environ["ROOM"]
CHANCE = random.Random(os.environ["SEED"])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Four times out of five the room is one that is there, and numbers are small."""
    # What stands in this address is a room for the one, and an export for the others.
    is_room = {"room", "export"} if context.operation.label == "POST /api/exports/{export}" else {"room"}
    if path_parameters and CHANCE.random() < 0.8:
        for name in path_parameters:
            path_parameters[name] = ROOM if name in is_room else str(CHANCE.randrange(1, 4))
    return path_parameters

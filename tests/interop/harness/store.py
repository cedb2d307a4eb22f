"""Looks into a server's SQLite file and can hold its commits back; one JSON command a line, one JSON answer a line.

A second process on the same file is the one way to do this without the server's help. The one rule: it never writes.
"""

import base64
import json
import sqlite3
import sys

#: How long to wait for a commit of the server that is under way.
LOCK_TIMEOUT_S = 10


def rows(database, room):
    found = database.execute(
        "SELECT u.seq, u.bytes FROM room_updates u JOIN rooms r ON r.id = u.room WHERE r.name = ? ORDER BY u.seq", (room,)
    )
    return [[seq, base64.b64encode(update).decode()] for seq, update in found]


def snapshots(database, room):
    found = database.execute(
        "SELECT s.version, s.seq, s.listed, s.builder, s.data FROM room_snapshots s JOIN rooms r ON r.id = s.room WHERE r.name = ?"
        " ORDER BY s.version DESC",
        (room,),
    )
    return [[version, seq, bool(listed), builder, base64.b64encode(data).decode()] for version, seq, listed, builder, data in found]


def head(database, room):
    found = database.execute("SELECT h.head FROM room_heads h JOIN rooms r ON r.id = h.room WHERE r.name = ?", (room,)).fetchone()
    return 0 if found is None else found[0]


COMMANDS = {"rows": rows, "snapshots": snapshots, "head": head}


def main(path):
    holder = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    reader = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            value = None
            if command == "hold":
                holder.execute("BEGIN IMMEDIATE")
            elif command == "release":
                holder.execute("ROLLBACK")
            else:
                value = COMMANDS[command](reader, *arguments)
            answer = {"value": value}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main(sys.argv[1])

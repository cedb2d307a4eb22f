"""What the server answers to anybody is what its OpenAPI document says: no failure of its own, nothing undocumented.

Starts the server that SCRIBLE_BIN names and lets schemathesis make up requests for each role. SEED repeats a run, EXAMPLES widens it.
"""

import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
BIN = os.environ["SCRIBLE_BIN"]
SEED = os.environ.get("SEED", str(time.time_ns() % 2**32))
EXAMPLES = os.environ.get("EXAMPLES", "12")
SECRET = secrets.token_urlsafe(32)
ROOM = "board"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
]


def token(subject, *arguments):
    """A token, made as an operator makes one."""
    made = subprocess.run(
        [BIN, "token", "--sub", subject, "--expires", "1h", *arguments],
        env={**os.environ, "SCRIBLE_JWT_SECRET": SECRET},
        capture_output=True, text=True, check=True,
    )
    return made.stdout.strip()


def ask(base, method, path, bearer, body=None):
    """One request that has to succeed."""
    request = urllib.request.Request(
        base + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def started(folder, log):
    """A server on a free port, and where it is."""
    server = subprocess.Popen(
        [BIN], cwd=folder, stdout=log, stderr=log,
        env={"PATH": os.environ["PATH"], "PORT": "0", "SCRIBLE_JWT_SECRET": SECRET, "SCRIBLE_PUBLIC_URL": "http://localhost:3001",
             "SCRIBLE_FRONTEND_URL": "http://localhost:5173/?room={room}"},
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        for line in pathlib.Path(log.name).read_text().splitlines():
            if "listening on ws://" in line:
                return server, line.split("ws://", 1)[1].split()[0]
        time.sleep(0.05)
    raise SystemExit("the server did not start:\n" + pathlib.Path(log.name).read_text())


def main():
    """Every role in turn."""
    print(f"SEED={SEED}", flush=True)
    with tempfile.TemporaryDirectory() as folder, open(pathlib.Path(folder) / "log", "w", encoding="utf-8") as log:
        server, address = started(folder, log)
        base = f"http://{address}"
        roles = {
            "nobody": None,
            "viewer": token("vera", "--room", f"{ROOM}=viewer"),
            "editor": token("ed", "--room", f"{ROOM}=editor"),
            "owner": token("olga", "--room", f"{ROOM}=owner"),
            "admin": token("adam", "--admin"),
        }
        failed = []
        try:
            ask(base, "POST", "/api/rooms", roles["admin"], {"name": ROOM, "visibility": "private", "password": "correct horse"})
            for role, bearer in roles.items():
                print(f"-- {role}", flush=True)
                # What the role before did to the room is undone.
                ask(base, "POST", f"/api/rooms/{ROOM}/restore", roles["admin"])
                command = [
                    HERE / ".venv/bin/schemathesis", "run", f"{base}/openapi.json", "--checks", ",".join(CHECKS),
                    "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED,
                    "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "30", "--no-color",
                ]
                if bearer:
                    command += ["--header", f"Authorization: Bearer {bearer}"]
                if role == "admin":
                    # The one would end the room for good, the other has no end.
                    command += ["--exclude-path-regex", "/(purge|events)$"]
                run = subprocess.run(
                    command, cwd=folder, check=False,
                    env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "ROOM": ROOM, "SEED": SEED},
                )
                if run.returncode != 0 or server.poll() is not None:
                    failed.append(role)
        finally:
            server.terminate()
            server.wait(30)
        if failed:
            print(pathlib.Path(log.name).read_text()[-4000:])
            sys.exit(f"what was answered to {', '.join(failed)} is not as documented (SEED={SEED})")


if __name__ == "__main__":
    main()

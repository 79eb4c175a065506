"""`python -m tests.hospital stu3`: runs a hospital, prints its addresses as one line of JSON, obeys lines of JSON.

It also speaks r4 and r5.
"""

import json
import os
import socket
import sys
from threading import Thread
from typing import Any

import uvicorn

SEQUENCES = {"stu3": "STU3", "r4": "R4B", "r5": "R5"}
os.environ["FHIR_SEQUENCE"] = SEQUENCES[sys.argv[1]]

from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

from tests.hospital.authorization import Desk, authorization_app  # noqa: E402
from tests.hospital.records import Hospital, fhir_app  # noqa: E402

LOOPBACK = "127.0.0.1"


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Runs until its input ends. Each line of it names a command below and its arguments; each is answered."""
    desk = Desk()
    hospital = Hospital(desk)
    oauth = make_server(LOOPBACK, 0, authorization_app(desk), threaded=True, request_handler=Quiet)
    Thread(target=oauth.serve_forever, daemon=True).start()
    at = f"http://{LOOPBACK}:{oauth.server_port}"
    configuration = {
        "issuer": at,
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": f"{at}/token",
        "revocation_endpoint": f"{at}/revoke",
        "registration_endpoint": f"{at}/register",
        "capabilities": ["launch-standalone", "client-confidential-symmetric", "context-standalone-patient"],
        "code_challenge_methods_supported": ["S256"],
    }
    listening = socket.create_server((LOOPBACK, 0))
    server = uvicorn.Server(uvicorn.Config(fhir_app(hospital, configuration), log_level="warning"))
    Thread(target=server.run, args=([listening],), daemon=True).start()
    print(json.dumps({"fhir": f"http://{LOOPBACK}:{listening.getsockname()[1]}", "oauth": at}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(obey(hospital, command.pop("do"), command)), flush=True)


def obey(hospital: Hospital, command: str, said: dict[str, Any]) -> Any:
    """What a test has done here."""
    desk = hospital.desk
    if command == "keep":
        for resource in said["resources"]:
            hospital.keep(said["patient"], resource)
    elif command == "kept":
        return list(hospital.of(said["patient"], said["type"]).values())
    elif command == "fail":
        failure = (said["status"], said.get("headers", {}), said.get("text", "no"))
        hospital.failures.setdefault(said["type"], []).extend([failure] * said.get("times", 1))
    elif command == "end":  # "access": time passes; "grants": the patient withdraws in the hospital's portal
        for grant in desk.grants:
            grant.expires_at, grant.revoked = 0, grant.revoked or said["what"] == "grants"
    elif command == "set":
        for name, value in said.items():
            setattr(desk if hasattr(desk, name) else hospital, name, value)
    elif command == "forget":  # the clients that registered themselves
        desk.clients = {id_: client for id_, client in desk.clients.items() if not client.redirect_uris}
    elif command == "delete":
        del hospital.of(said["patient"], said["type"])[said["id"]]
    elif command == "told":
        return desk.told
    elif command == "waiting":
        return hospital.waiting + desk.waiting
    elif command == "live":
        return sum(not grant.revoked for grant in desk.grants)
    elif command == "requests":
        return hospital.requests
    elif command == "tokens":
        return [token for grant in desk.grants for token in (grant.access_token, grant.refresh_token)]
    return None


main()

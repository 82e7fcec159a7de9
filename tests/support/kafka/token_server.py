"""The servers that a login by token needs: an OAuth server with its keys, and AWS's credentials of containers."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT_ID, CLIENT_SECRET = "qa", "hunter2-oauth"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "hunter2-aws"
AUDIENCE = "kafka"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class TokenServer:
    """Answers `/token` (to the client's id and secret), `/jwks` and `/credentials`; `is_down`: 503 to all but the keys.

    `given` counts the answers, by path.
    """

    lifetime_seconds: int = 8
    is_down: bool = False
    given: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        owner = self

        class TokenHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply({"/jwks": owner.jwks, "/credentials": owner.credentials}[self.path]())

            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                login = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
                is_ours = self.headers["Authorization"] == f"Basic {login}"
                grant = urllib.parse.parse_qs(asked).get("grant_type")
                self._reply(owner.token() if is_ours and grant == ["client_credentials"] else None)

            def _reply(self, answer: dict[str, object] | None) -> None:
                is_down = owner.is_down and self.path != "/jwks"
                body = b"" if is_down else json.dumps(answer).encode()
                self.send_response(503 if is_down else 401 if answer is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if not is_down:
                    owner.given[self.path] = owner.given.get(self.path, 0) + 1

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), TokenHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def token(self) -> dict[str, object]:
        """A JSON Web Token, signed (RS256), and how long it lives."""
        now = int(time.time())
        claims = {"sub": CLIENT_ID, "aud": AUDIENCE, "iss": self.url, "iat": now, "exp": now + self.lifetime_seconds}
        header = {"alg": "RS256", "kid": "key-1", "typ": "JWT"}
        content = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(content.encode(), padding.PKCS1v15(), SHA256())
        token = f"{content}.{_base64(signature)}"
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_seconds}

    def jwks(self) -> dict[str, object]:
        """The public key, as a set."""
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "key-1"}
        return {"keys": [key | {"n": _number(public.n), "e": _number(public.e)}]}

    def credentials(self) -> dict[str, object]:
        """What AWS gives a container."""
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return {"AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Token": "session-token", "Expiration": end}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

"""Receive webhooks on port 9000 and verify them with the reference library: pip install standardwebhooks.

    python3 docs/examples/receiver.py whsec_…
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MOST_BYTES = 64 * 1024
seen: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    """Takes each message once; the bytes are verified as they came, before anything reads them."""

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST_BYTES))
        try:
            message = Webhook(sys.argv[1]).verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            print("refused:", error)
            self.send_error(400)
            return
        if self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            print(message["type"], message["data"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing but the messages on the terminal."""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Give the secret that POST /webhooks answered.")
    ThreadingHTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()

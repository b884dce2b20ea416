"""Place an order as a guest, follow it until a counter is found, and cancel it. Needs nothing but Python.

    python3 docs/examples/client.py http://127.0.0.1:8000
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

SECONDS_TO_ROUTE = 20


class Refused(Exception):
    """The shop said no: a problem with `code`, `title` and `errors`."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['status']} {problem['code']}: {problem['title']} {problem['errors']}")
        self.problem = problem


class Shop:
    """The API at an address; with a token for one's own room, without one as a guest."""

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address.rstrip("/") + "/api/v1"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """One call; raises Refused. A POST bears a key of its own, so that it may be repeated after a lost answer."""
        everything = {**self.headers, "Content-Type": "application/json", **headers}
        if method == "POST":
            everything.setdefault("Idempotency-Key", str(uuid.uuid4()))
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.address + path, data, everything, method=method)
        for attempt in range(4):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                wait = error.headers.get("Retry-After")
                if wait is None or attempt == 3:
                    raise Refused(json.load(error)) from None
                time.sleep(float(wait))
        raise AssertionError("unreachable")


def main(address: str) -> None:
    shop = Shop(address)
    found = shop.call("GET", "/products?q=zxj")["items"]
    sku = next(sku for product in found for sku in product["skus"] if sku["available"] > 0)
    counter = shop.call("GET", "/counters?near=30.59,114.30&per_page=1")["items"][0]
    print(f"{sku['names']['zh']} at ¥{sku['price_fen'] / 100:.2f}, {sku['available']} left")
    order = shop.call(
        "POST",
        "/orders",
        {
            "lines": [{"sku": sku["sku"], "quantity": 1}],
            "contact": {"name": "Demo guest", "phone": "13800000000"},
            "fulfilment": {"method": "pickup", "counter": counter["code"]},
            "payment": {"method": "at_counter"},
            "expected_total_fen": sku["price_fen"],
        },
    )
    print(f"{order['number']}: {order['status']}, code {order['pickup_code']}")
    key = {"X-Access-Key": order["access_key"]}
    ends_at = time.monotonic() + SECONDS_TO_ROUTE
    while order["status"] == "confirmed" and time.monotonic() < ends_at:
        time.sleep(0.2)
        order = shop.call("GET", f"/orders/{order['number']}", **key)
    for part in order["fulfilments"]:
        print(f"{part['counter']} does {part['role']}: {[(pack['sku'], pack['quantity']) for pack in part['packs']]}")
    order = shop.call("POST", f"/orders/{order['number']}/cancel", **key)
    print(f"{order['number']}: {order['status']}, {order['payment']['status']}")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
    except Refused as refused:
        sys.exit(str(refused))

"""A2 and A3: opposite baskets never wait in a ring; however often one form is sent, it is one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.faults.guests import Guest, at_once
from tests.figures import Figures, size
from tests.races.conftest import Shop

CLIENTS = 30
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def test_a2_opposite_baskets_do_not_wait_in_a_ring(shop: Shop, figures: Callable[[str], Figures]) -> None:
    rounds = size(3, 50)
    counter = shop.build.counter()
    goods = [shop.build.sku(f"RING-{n}") for n in range(6)]
    for sku in goods:
        shop.build.lot(sku, at=counter, quantity=CLIENTS * rounds)
    shop.build.commit()
    codes = [sku.code for sku in goods]
    before = shop.count(DEADLOCKS)
    guests = shop.guests(CLIENTS, counter.code)

    def buys(index: int) -> list[int]:
        """Three goods of the six, every second guest from the other end."""
        basket = [codes[(index // 2 + step) % 6] for step in range(3)]
        wanted = [(code, 1) for code in (basket if index % 2 else reversed(basket))]
        return [guests[index].fill_cart(*wanted).press().status for _ in range(rounds)]

    statuses = Counter(status for told in at_once(range(CLIENTS), buys, CLIENTS) for status in told)
    for guest in guests:
        guest.close()
    a2 = figures("A2")
    a2.exactly(f"of {CLIENTS * rounds} orders of 3 goods in opposite order", statuses[303], CLIENTS * rounds)
    a2.exactly("deadlocks PostgreSQL had to end", shop.count(DEADLOCKS) - before, 0)
    assert sum(shop.orders_of(code) for code in codes) == 3 * CLIENTS * rounds


def test_a3_one_form_sent_by_many_hands_at_once_is_one_order(shop: Shop, figures: Callable[[str], Figures]) -> None:
    forms, hands = size(6, 50), size(16, 40)
    counter = shop.build.counter()
    shop.build.lot(shop.build.sku("TWICE"), at=counter, quantity=forms * hands)
    shop.build.commit()
    guests = [guest.fill_cart(("TWICE", 1)) for guest in shop.guests(forms, counter.code)]
    told: dict[int, set[tuple[int, str]]] = {}
    for index, guest in enumerate(guests):
        answers = at_once([guest] * hands, Guest.press, hands)
        told[index] = {(answer.status, answer.number) for answer in answers}
        guest.close()
    a3 = figures("A3")
    a3.exactly(f"orders of {forms} forms × {hands} hands", shop.orders_of("TWICE"), forms)
    a3.exactly("different answers to one form", sum(len(answers) - 1 for answers in told.values()), 0)
    assert all(status == 303 and number for answers in told.values() for status, number in answers)
    placed = "SELECT count(*) FROM job WHERE topic = 'order.mail' AND payload ->> 'kind' = 'confirmed'"
    assert shop.count(placed) == shop.count('SELECT count(*) FROM "order"'), "one confirmation for each order"

"""The least-cost choice of counters for one order: branch and bound, deterministic, with a proof or an honest gap."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from orders.routing.bound import Node, Verdict, judge, settle_exact
from orders.routing.model import Array, Model

ROOT_STEPS, NODE_STEPS = 60, 12
MOST_NODES = 3  # an order that needs more is for HiGHS: 3 to 20 ms in most cases, where branching on took up to 2 s


@dataclass
class Search:
    """`best` is the cheapest complete choice so far, `bound` what no plan can undercut (fen)."""

    model: Model
    best: float = 0.0
    takes: list[tuple[int, int]] = field(default_factory=list)
    bound: float = 0.0
    nodes: int = 0
    seen: set[bytes] = field(default_factory=set)

    def run(self) -> None:
        """Start from giving nothing; improve it by one good guess; then prove or improve further."""
        model = self.model
        shape = len(model.counters)
        self.best = float(model.demand.sum() * model.unfilled)
        if not shape:
            self.bound = self.best
            return
        nothing = np.zeros(shape, dtype=bool)
        self.try_out(self.completed(nothing), ~nothing)
        root = Node(~nothing, nothing.copy(), ~nothing, nothing.copy(), self.first_prices())
        self.bound = self.explore(root)

    @property
    def proved(self) -> bool:
        """Whether nothing cheaper can exist."""
        return self.bound > self.best - self.step

    @property
    def step(self) -> float:
        """The least by which a cheaper plan is cheaper: a whole fen, unless prices are broken."""
        return 1 - 1e-6 if self.model.whole else max(1e-6, abs(self.best) * 1e-9)

    def first_prices(self) -> Array:
        """Prices at which the first plan just pays for itself: each parcel's opening shared out over its packs."""
        model = self.model
        prices = np.zeros(len(model.demand))
        cost_of = dict.fromkeys({int(model.counter_of[lot]) for lot, _ in self.takes}, 0)
        for lot, packs in self.takes:
            cost_of[int(model.counter_of[lot])] += packs
        left = model.demand.copy()
        for lot, packs in self.takes:
            counter, sku = int(model.counter_of[lot]), int(model.sku_of[lot])
            share = model.opening[counter] + (model.cooling[counter] if model.is_cold[lot] else 0.0)
            prices[sku] = max(prices[sku], model.price[lot] + share / cost_of[counter])
            left[sku] -= packs
        return np.minimum(np.where(left > 0, model.unfilled, prices), model.unfilled)

    def try_out(self, opens: Array, cools: Array) -> None:
        """Price this choice exactly, unless that was done; keep it when it is the cheapest."""
        cools = cools & opens
        key = opens.tobytes() + cools.tobytes()
        if key in self.seen:
            return
        self.seen.add(key)
        cost, takes = settle_exact(self.model, opens, cools)
        if cost < self.best - 1e-9:
            self.best, self.takes = cost, takes

    def completed(self, opens: Array) -> Array:
        """These counters and, while something is missing, the one that gives it at the least cost per pack."""
        model = self.model
        opens = opens.copy()
        left = np.maximum(model.demand - model.room[opens].sum(axis=0), 0.0)
        while left.any():
            gives = np.minimum(model.room, left)
            packs = gives.sum(axis=1)
            packs[opens] = 0.0
            if not packs.any():
                break
            cold = (gives[:, model.cold_sku] > 0).any(axis=1)
            cost = model.opening + np.where(cold, model.cooling, 0.0)
            pick = int(np.argmin(np.where(packs > 0, (cost + 1.0) / np.maximum(packs, 1e-9), np.inf)))
            opens[pick] = True
            left = np.maximum(left - gives[pick], 0.0)
        return opens

    def explore(self, root: Node) -> float:
        """Depth first over what is undecided, and HiGHS over all that is left undecided when that is much."""
        stack = [(root, ROOT_STEPS)]
        while stack:
            node, steps = stack.pop()
            self.nodes += 1
            if self.nodes > MOST_NODES:
                return self.finish(root)
            verdict = self.tighten(node, steps)
            if verdict is not None:
                stack.extend((branch, NODE_STEPS) for branch in self.branches(node, verdict))
        return self.best

    def finish(self, root: Node) -> float:
        """Ask HiGHS for a plan cheaper than the best one, among the counters that the root left over."""
        from orders.routing import milp  # loads HiGHS, which most orders do not need

        answer = milp.cheaper_than(self.model, root, self.best - self.step / 2, self.step / 2)
        if answer.opens is not None and answer.cools is not None:
            self.try_out(answer.opens, answer.cools)
        return min(answer.bound, self.best)

    def tighten(self, node: Node, steps: int) -> Verdict | None:
        """Raise the node's bound; None when it holds nothing cheaper or nothing is left to decide."""
        if self.short_of_everything(node):
            return None
        best: Verdict | None = None
        prices, pace, stale = node.prices, 1.0, 0
        for _ in range(steps):
            verdict = judge(self.model, node, prices)
            if best is None or verdict.bound > best.bound + 1e-9:
                best, node.prices, stale = verdict, prices, 0
            else:
                stale += 1
                if stale == 4:
                    pace, stale, prices, verdict = pace / 2, 0, node.prices, best
            self.try_out(verdict.opens, verdict.cools)
            if best.bound > self.best - self.step:
                return None
            slope = float(verdict.missed @ verdict.missed)
            if not slope or pace < 0.05:
                break
            move = pace * (1.02 * self.best - verdict.bound) / slope
            prices = np.clip(prices + move * verdict.missed, 0.0, self.model.unfilled)
        assert best is not None  # noqa: S101  there is at least one step
        self.try_out(self.completed(best.opens & node.may) & node.may, node.may_cool)
        self.decide_the_clear(node, best)
        return best

    def decide_the_clear(self, node: Node, verdict: Verdict) -> None:
        """Decide whatever would push the bound over the best plan if it were the other way round."""
        slack = self.best - self.step - verdict.bound
        free = node.may & ~node.must
        node.may &= ~(free & (verdict.rates > slack))
        node.must |= free & (-verdict.rates > slack)
        cold_free = node.must & node.may_cool & ~node.must_cool
        node.may_cool &= ~(cold_free & (verdict.cold_rates > slack))
        node.must_cool |= cold_free & (-verdict.cold_rates > slack)

    def short_of_everything(self, node: Node) -> bool:
        """Open what cannot be spared; whether even everything open leaves too much out to be the best."""
        model = self.model
        room = np.where(model.cold_sku, model.room * (node.may & node.may_cool)[:, None], model.room)
        room = room * node.may[:, None]
        total = room.sum(axis=0)
        short = np.maximum(model.demand - total, 0.0)
        certain = float(short.sum() * model.unfilled + model.opening[node.must].sum())
        limit = self.best - self.step
        if certain > limit:
            return True
        without = np.maximum(model.demand - (total - room), 0.0) - short
        needed = node.may & ~node.must & (certain + without.sum(axis=1) * model.unfilled > limit)
        node.must |= needed
        cold = without[:, model.cold_sku].sum(axis=1) * model.unfilled
        node.must_cool |= node.must & node.may_cool & (certain + cold > limit)
        return False

    def branches(self, node: Node, verdict: Verdict) -> list[Node]:
        """Two halves of what is undecided: without and with the counter that matters most (worked on last first)."""
        free = np.nonzero(node.may & ~node.must)[0]
        if len(free):
            pick = int(free[np.argmin(verdict.rates[free])])
            without, with_it = node.copy(), node.copy()
            without.may[pick] = False
            with_it.must[pick] = True
            return [without, with_it]
        cold = np.nonzero(node.must & node.may_cool & ~node.must_cool)[0]
        if len(cold):
            pick = int(cold[np.argmin(verdict.cold_rates[cold])])
            without, with_it = node.copy(), node.copy()
            without.may_cool[pick] = False
            with_it.must_cool[pick] = True
            return [without, with_it]
        self.try_out(node.must, node.must_cool)
        return []

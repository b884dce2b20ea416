"""Stock moves for orders and for consignments: the ledger's reader gets their numbers."""

from __future__ import annotations

from sqlalchemy import ColumnElement, ScalarSelect, select

from catalogue.stock.causes import goes_by
from orders import backorders
from orders.consignments import setting_aside
from orders.consignments.models import Backorder, Consignment, ConsignmentLine, ConsignmentLot
from orders.fulfilment.models import Allocation
from orders.models import Order, OrderLine
from orders.promises import ALLOCATION


def of_allocation(allocation_id: ColumnElement[int]) -> ScalarSelect[str]:
    """The order packs of a lot were given to."""
    found = select(Order.number).join(OrderLine, OrderLine.order_id == Order.id)
    allocated = found.join(Allocation, Allocation.order_line_id == OrderLine.id)
    return allocated.where(Allocation.id == allocation_id).scalar_subquery()


def of_backorder(backorder_id: ColumnElement[int]) -> ScalarSelect[str]:
    """The order that waited for packs from the road."""
    found = select(Order.number).join(Backorder, Backorder.order_id == Order.id)
    return found.where(Backorder.id == backorder_id).scalar_subquery()


def of_consignment_lot(lot_id: ColumnElement[int]) -> ScalarSelect[str]:
    """The consignment a lot travelled with."""
    found = select(Consignment.number).join(ConsignmentLine, ConsignmentLine.consignment_id == Consignment.id)
    lots = found.join(ConsignmentLot, ConsignmentLot.line_id == ConsignmentLine.id)
    return lots.where(ConsignmentLot.id == lot_id).scalar_subquery()


def name_causes() -> None:
    """Tell the ledger's reader how to call what moves stock here."""
    goes_by(ALLOCATION, of_allocation)
    goes_by(backorders.SOURCE, of_backorder)
    goes_by(setting_aside.SOURCE, of_consignment_lot)

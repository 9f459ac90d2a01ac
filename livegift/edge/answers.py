"""Receipts, refusals and faults as the messages that carry them."""

from msgspec import UNSET

from livegift.domain.refusal import Refusal
from livegift.errors import Fault, Unavailable
from livegift.gifting import Receipt
from livegift.wire.codes import TEMPORARY
from livegift.wire.messages import Accepted, Error, ErrorInfo


def accepted(command_id: int | None, receipt: Receipt) -> Accepted:
    """Return the message that carries a receipt."""
    return Accepted(
        id=command_id,
        gift_event_id=receipt.gift_event_id,
        event_id=receipt.event_id,
        balance=receipt.balance,
        replayed=True if receipt.replayed else UNSET,
        settled=receipt.settled if receipt.replayed else UNSET,
    )


def refused(command_id: int | None, refusal: Refusal, *, gift_event_id: str | None = None) -> Error:
    """Return the message that carries a refusal."""
    return Error(
        id=command_id,
        error=ErrorInfo(refusal.code, refusal.message, False, **refusal.extra),
        gift_event_id=gift_event_id or UNSET,
    )


def faulted(command_id: int | None, fault: Fault, *, gift_event_id: str | None = None) -> Error:
    """Return the message that carries a fault: temporary, the same id may be sent again."""
    code = fault.code if fault.code in TEMPORARY else Unavailable.code
    return Error(
        id=command_id,
        error=ErrorInfo(code, TEMPORARY[code], True, retry_after_ms=fault.retry_after_ms),
        gift_event_id=gift_event_id or UNSET,
    )

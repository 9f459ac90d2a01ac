"""What a book says in public: leaves that name no sender, checkpoints over them, and proofs that anyone can verify.

A *leaf* is an event as the public may know it: a gift by its public event id, with everything that its creator earns
by, and in place of the sender a mark that only the deployment's secret can make. A *checkpoint* signs (Ed25519) the
Merkle root of each partition's new leaves, the head of its hash chain, and the checkpoint before it. A *proof* is a
leaf, its place and its path. Whoever holds the public key needs nothing else.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livegift.domain.merkle import leaf_hash, root_by_path

CHECKPOINT = "livegift checkpoint 1"
FORMAT = "livegift proofs 1"
GIFT_FIELDS = (
    *("partition", "epoch", "seq", "ts_ms", "event_id", "sender_mark", "receiver", "room", "gift"),
    *("catalogue_version", "rate_version", "price_coins", "count", "coins", "points", "earned", "message_hash"),
)
"""What a gift's leaf is made of, in this order."""


def sender_mark(secret: bytes, partition: int, seq: int, user_id: str) -> str:
    """Return what stands in a leaf for a user: another one for each event, so that nobody can join two."""
    place = f"mark:{partition}:{seq}:{user_id}".encode()
    return hashlib.blake2b(place, key=secret, digest_size=16).hexdigest()


def leaf_of(kind: str, fields: tuple[str | int, ...]) -> bytes:
    """Return a leaf's hash: its kind and fields as netstrings."""
    return leaf_hash("".join(f"{len(str(one).encode())}:{one}," for one in (kind, *fields)).encode())


def leaf_of_gift(gift: Mapping[str, Any]) -> bytes:
    """Return the leaf of a gift by its ``GIFT_FIELDS``. Raises ``KeyError`` or ``TypeError`` for what is none."""
    fields = tuple(gift[name] for name in GIFT_FIELDS)
    if not all(type(one) in (str, int) for one in fields):
        raise TypeError("a field is neither text nor a whole number")
    return leaf_of("gift", fields)


def body_text(body: Mapping[str, Any]) -> str:
    """Return a checkpoint's body as it is signed: JSON with sorted keys and no space."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(slots=True)
class Verdict:
    """What a file of proofs shows. ``wrong`` is empty if all of it holds."""

    wrong: list[str] = field(default_factory=list)
    gifts: int = 0
    coins: int = 0
    points: int = 0
    earned: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By partition: the creator's points there before the first gift of the file, and after the last."""


def verify(document: Any, is_signed: Any) -> Verdict:
    """Hold a file of proofs against its checkpoints. ``is_signed(text, signature_hex)`` knows the public key.

    Each gift must be a leaf under a signed checkpoint; for each partition the creator's running total must go up by
    each gift's points and by nothing else, so that a gift that was left out in between is missed.
    """
    verdict = Verdict()
    try:
        _verify(document, is_signed, verdict)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        verdict.wrong.append(f"the file is not of the format {FORMAT!r} ({type(error).__name__}: {error})")
    return verdict


def _verify(document: Any, is_signed: Any, verdict: Verdict) -> None:
    if document["format"] != FORMAT:
        raise ValueError(f"it says {document['format']!r}")
    roots = _roots(document["checkpoints"], is_signed, verdict)
    seen: set[tuple[int, int]] = set()
    for gift in sorted(document["gifts"], key=lambda one: (one["partition"], one["seq"])):
        name = f"gift {gift['event_id']}"
        p, seq = gift["partition"], gift["seq"]
        if (p, seq) in seen:
            verdict.wrong.append(f"{name} is there twice")
        seen.add((p, seq))
        if gift["receiver"] != document["creator"]:
            verdict.wrong.append(f"{name} is another creator's")
        first, count, root = roots.get((gift["checkpoint"], p), (0, 0, ""))
        path = [bytes.fromhex(one) for one in gift["path"]]
        found = root_by_path(leaf_of_gift(gift), seq - first, count, path)
        if found is None or found.hex() != root:
            verdict.wrong.append(f"{name} is not under its checkpoint")
        if gift["coins"] != gift["price_coins"] * gift["count"]:
            verdict.wrong.append(f"{name} costs something else than its price and count")
        before, after = gift["earned"] - gift["points"], verdict.earned.get(p)
        if after is not None and after[1] != before:
            verdict.wrong.append(f"before {name} something is missing: {before - after[1]} points of partition {p}")
        verdict.earned[p] = (after[0] if after else before, gift["earned"])
        verdict.gifts += gift["count"]
        verdict.coins += gift["coins"]
        verdict.points += gift["points"]
    told = {"gifts": verdict.gifts, "coins": verdict.coins, "points": verdict.points}
    if document["totals"] != told:
        verdict.wrong.append(f"the totals are {document['totals']}, the gifts make {told}")


def _roots(checkpoints: Any, is_signed: Any, verdict: Verdict) -> dict[tuple[int, int], tuple[int, int, str]]:
    """Return (first seq, leaves, root) by number and partition, of the checkpoints that are signed."""
    roots, previous = {}, None
    for one in checkpoints:
        body = one["body"]
        text = body_text(body)
        number = body["number"]
        if body["format"] != CHECKPOINT or not is_signed(text, one["signature"]):
            verdict.wrong.append(f"checkpoint {number} is not signed with this key")
            continue
        if previous is not None and number == previous[0] + 1 and body["previous"] != previous[1]:
            verdict.wrong.append(f"checkpoint {number} does not follow the one before it")
        previous = (number, hashlib.sha256(text.encode()).hexdigest())
        for part in body["partitions"]:
            roots[number, part["p"]] = (part["first"], part["mark"] - part["first"] + 1, part["root"])
    return roots

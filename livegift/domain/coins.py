"""Whole coins: what an amount and a balance may be. Never a float, anywhere."""

AMOUNT_MAX = 10**13 - 1
"""Largest amount of one gift or entry: 13 decimal digits."""
BALANCE_MAX = 4 * 10**15
"""Balances lie within ± this, so that Lua's doubles are exact."""


def is_amount(coins: int) -> bool:
    """Tell whether ``coins`` may move in one gift or entry."""
    return 1 <= coins <= AMOUNT_MAX

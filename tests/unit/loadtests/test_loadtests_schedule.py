from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.schedule import PRICES, Planned, plan


def make(seed: int = 1, **more: int) -> list[Planned]:
    return plan(**{"seed": seed, "rate": 100, "seconds": 10, "senders": 20, "coins_each": 100_000} | more)


def test_one_seed_gives_one_schedule_and_another_seed_another() -> None:
    assert make(7) == make(7)
    assert make(7) != make(8)


@given(seed=st.integers(0, 10_000), senders=st.integers(1, 30), coins_each=st.integers(1_000, 50_000))
@settings(max_examples=25)
def test_a_schedule_has_the_planned_number_in_order_and_within_everybodys_coins(
    seed: int, senders: int, coins_each: int
) -> None:
    sends = make(seed, senders=senders, coins_each=coins_each)
    assert len(sends) == 1_000
    assert [send.index for send in sends] == list(range(1_000))
    assert all(0 <= send.at_ms <= 10_000 for send in sends)
    assert [send.at_ms for send in sends] == sorted(send.at_ms for send in sends)
    spent: Counter[int] = Counter()
    for send in sends:
        assert send.price_coins == PRICES[send.gift]
        spent[send.sender] += send.coins
    assert max(spent.values()) <= coins_each
    assert set(spent) <= set(range(senders))


def test_there_are_streaks_messages_anonymous_gifts_and_counts() -> None:
    sends = make(1, rate=400)
    assert any(send.message for send in sends)
    assert any(send.anonymous for send in sends)
    assert {1, 10, 99} <= {send.count for send in sends}
    assert Counter(send.gift for send in sends).most_common(1)[0][0] == "rose"
    assert len({send.gift for send in sends}) > 6


def test_a_swing_moves_gifts_from_troughs_to_crests_and_keeps_their_number() -> None:
    calm, swung = make(3, seconds=80), plan(seed=3, rate=100, seconds=80, senders=20, coins_each=100_000, swing=0.5)
    assert len(calm) == len(swung) == 8_000
    # Four waves of 20 s each: the first half of each is the crest.
    crests = [sum((send.at_ms // 10_000) % 2 == 0 for send in sends) / 8_000 for sends in (calm, swung)]
    assert abs(crests[0] - 0.5) < 0.03
    assert 0.6 < crests[1] < 0.72  # 1/2 + swing / π

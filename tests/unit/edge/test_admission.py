"""Who may send how often: the burst, the pace, and ids that were admitted before."""

from livegift.edge.admission import Admission


def test_a_burst_is_admitted_and_then_the_pace_counts() -> None:
    admission = Admission(burst=20, rate_per_s=10)
    waits = [admission.retry_after_ms("ann", f"id{n}") for n in range(25)]
    assert waits[:20] == [0] * 20
    assert all(1 <= wait <= 600 for wait in waits[20:])


def test_an_admitted_id_is_admitted_again_and_a_refused_one_is_not() -> None:
    admission = Admission(burst=2, rate_per_s=1)
    assert [admission.retry_after_ms("ann", name) for name in ("a", "b")] == [0, 0]
    assert admission.retry_after_ms("ann", "c") > 0
    assert [admission.retry_after_ms("ann", "a") for _ in range(50)] == [0] * 50
    assert admission.retry_after_ms("ann", "c") > 0


def test_senders_do_not_share_a_pace_however_many_there_are() -> None:
    admission = Admission(burst=1, rate_per_s=1)
    assert all(admission.retry_after_ms(f"user{n}", "a") == 0 for n in range(3_000))
    assert admission.retry_after_ms("user0", "b") > 0


def test_a_room_takes_so_many_from_all_and_an_admitted_id_is_not_counted_again() -> None:
    admission = Admission(burst=20, rate_per_s=10, room_rate_per_s=3)
    assert [admission.retry_after_ms(f"user{n}", "a", "r1") for n in range(3)] == [0, 0, 0]
    assert admission.retry_after_ms("user3", "a", "r1") > 0
    assert admission.retry_after_ms("user3", "b", "r2") == 0
    assert [admission.retry_after_ms("user0", "a", "r1") for _ in range(10)] == [0] * 10

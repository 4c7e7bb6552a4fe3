"""The bounded queue: who gets in, who leaves, and that the count stays right."""

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, Code, ConvoyError, Tensor
from convoy_services.mesh.admission import AdmissionQueue, Piece
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT
from convoy_services.mesh.pace import EVIDENCE
from convoy_services.mesh.plan import Limits
from convoy_services.mesh.request import Request, expired
from tests.unit.mesh.hosted import numbers
from tests.unit.mesh.virtual_time import simulate

ROW = 8
"""The bytes of a row."""


def request(*values: int, priority: int = NORMAL) -> Request:
    return Request(inputs=numbers(*values), deadline=60.0, priority=priority)


def taken(pieces: list[Piece]) -> list[int]:
    return [n for piece in pieces for n in piece.inputs["x"].tolist()]


def within_loop(scenario: Any) -> Any:
    """Run a function in a loop: requests hold futures."""

    async def run() -> Any:
        return scenario()

    return simulate(run())


@pytest.mark.parametrize(
    ("limits", "field", "says"),
    [
        (Limits(rows=2), "batch.rows", "3 rows; the limit is 2"),
        (Limits(bytes=3 * ROW - 1), "batch", "24 bytes; the limit is 23"),
    ],
)
def test_a_request_that_could_never_fit_is_told_the_limit(
    limits: Limits, field: str, says: str
) -> None:
    def scenario() -> ConvoyError:
        with pytest.raises(ConvoyError) as caught:
            AdmissionQueue(limits).add(request(1, 2, 3))
        return caught.value

    error = within_loop(scenario)
    assert error.code is Code.INVALID_ARGUMENT
    assert [v.field for v in error.violations] == [field]
    assert says in error.message


@pytest.mark.parametrize("limits", [Limits(rows=4), Limits(bytes=5 * ROW - 1)])
def test_a_full_queue_says_when_to_try_again(limits: Limits) -> None:
    def scenario() -> tuple[ConvoyError, int, int]:
        queue = AdmissionQueue(limits)
        queue.add(request(1, 2))
        queue.add(request(3, 4))
        with pytest.raises(ConvoyError) as caught:
            queue.add(request(5))
        return caught.value, queue.rows, queue.bytes

    error, rows, size = within_loop(scenario)
    assert error.code is Code.RESOURCE_EXHAUSTED
    assert error.reason == "QUEUE_FULL"
    assert error.retry_after is not None
    assert error.retry_after > 0
    assert (rows, size) == (4, 4 * ROW)


def test_a_queue_takes_exactly_what_its_limits_say() -> None:
    def scenario() -> int:
        queue = AdmissionQueue(Limits(rows=4, bytes=4 * ROW))
        queue.add(request(1, 2, 3))
        queue.add(request(4))
        return queue.rows

    assert within_loop(scenario) == 4


@pytest.mark.parametrize("limits", [Limits(rows=4), Limits(bytes=4 * ROW)])
def test_less_urgent_requests_give_way_the_latest_first(limits: Limits) -> None:
    def scenario() -> tuple[list[int], list[tuple[int, str]]]:
        queue = AdmissionQueue(limits)
        waiting = [
            request(1, priority=BACKGROUND),
            request(2, priority=BACKGROUND),
            request(3),
            request(4),
        ]
        for one in waiting:
            queue.add(one)
        queue.add(request(5, 6, 7, priority=URGENT))
        ended = [(n, one.error.reason) for n, one in enumerate(waiting, 1) if one.error]
        return taken(queue.take(9, 1 << 20) + queue.take(9, 1 << 20)), ended

    left, ended = within_loop(scenario)
    assert left == [5, 6, 7, 3]
    assert ended == [(1, "QUEUE_FULL"), (2, "QUEUE_FULL"), (4, "QUEUE_FULL")]


def test_requests_do_not_give_way_where_that_is_too_little() -> None:
    def scenario() -> tuple[int, list[Request]]:
        queue = AdmissionQueue(Limits(rows=4))
        waiting = [request(1), request(2, priority=URGENT), request(3, 4)]
        for one in waiting:
            queue.add(one)
        queue.take(1, 1 << 20)
        queue.take(1, 1 << 20)
        queue.add(request(5, 6, priority=BACKGROUND))
        with pytest.raises(ConvoyError, match="full"):
            queue.add(request(7, 8, 9, priority=BACKGROUND))
        return queue.rows, [one for one in waiting if one.error]

    assert within_loop(scenario) == (4, [])


def test_room_that_was_left_is_given_to_the_next() -> None:
    def scenario() -> list[int]:
        queue = AdmissionQueue(Limits(rows=3))
        queue.add(request(1, 2, 3))
        first = queue.take(2, 1 << 20)
        queue.add(request(4, 5))
        return taken(first) + taken(queue.take(9, 1 << 20))

    assert within_loop(scenario) == [1, 2, 3, 4, 5]


def test_the_most_urgent_leave_first_and_equals_in_the_order_they_came() -> None:
    def scenario() -> list[int]:
        queue = AdmissionQueue(Limits())
        for n, priority in enumerate([NORMAL, BACKGROUND, URGENT, NORMAL, URGENT]):
            queue.add(request(n, priority=priority))
        return taken(queue.take(9, 1 << 20) + queue.take(9, 1 << 20))

    assert within_loop(scenario) == [2, 4, 0, 3, 1]


def test_a_batch_is_bounded_in_rows_and_in_bytes() -> None:
    def scenario() -> list[list[int]]:
        queue = AdmissionQueue(Limits())
        queue.add(request(*range(5)))
        queue.add(request(*range(5, 10)))
        return [
            taken(queue.take(3, 1 << 20)),
            taken(queue.take(99, 4 * ROW)),
            taken(queue.take(99, 4 * ROW - 1)),
        ]

    assert within_loop(scenario) == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]


def test_a_row_larger_than_a_batch_travels_alone() -> None:
    def scenario() -> list[int]:
        queue = AdmissionQueue(Limits())
        queue.add(request(1, 2))
        return taken(queue.take(99, 1))

    assert within_loop(scenario) == [1]


def test_a_request_that_ends_leaves_with_all_it_holds() -> None:
    """Behind one that waits, ended requests once stayed in memory until it left."""

    def scenario() -> tuple[bool, int, int]:
        queue = AdmissionQueue(Limits())
        queue.add(request(0))
        behind = request(1)
        queue.add(behind)
        data = weakref.ref(behind.inputs["x"].data)
        behind.end(expired())
        del behind
        gc.collect()
        return data() is None, queue.rows, queue.bytes

    assert within_loop(scenario) == (True, 1, ROW)


def test_the_rows_of_a_request_that_ended_are_not_taken() -> None:
    def scenario() -> list[int]:
        queue = AdmissionQueue(Limits())
        requests = [request(n, n + 10) for n in range(4)]
        for each in requests:
            queue.add(each)
        part = taken(queue.take(1, 1 << 20))
        requests[0].end(expired())
        requests[2].end(expired())
        return part + taken(queue.take(99, 1 << 20))

    assert within_loop(scenario) == [0, 1, 11, 3, 13]


def test_the_share_of_a_row_in_bytes_is_rounded_without_loss() -> None:
    """Texts: 3 rows of 3 + 32 bytes together."""

    def scenario() -> list[int]:
        queue = AdmissionQueue(Limits())
        texts = Batch(rows=3, columns={"t": Tensor.texts(["a", "", "bc"])})
        queue.add(Request(inputs=texts, deadline=60.0))
        left = [queue.bytes]
        for _ in range(3):
            queue.take(1, 1 << 20)
            left.append(queue.bytes)
        return left

    assert within_loop(scenario) == [35, 24, 13, 0]


def gives_way(waiting: Request, priority: int) -> bool:
    return waiting.priority < priority and not waiting.taken


class Model:
    """The queue beside plain lists that say what it should hold."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.queue = AdmissionQueue(limits)
        self.waiting: list[tuple[Request, list[int]]] = []
        self.numbers = iter(range(10**6))

    def add(self, rows: int, priority: int) -> None:
        values = [next(self.numbers) for _ in range(rows)]
        one = request(*values, priority=priority)
        held = sum(len(left) for _, left in self.waiting)
        try:
            self.queue.add(one)
        except ConvoyError:
            held -= sum(len(left) for other, left in self.waiting if gives_way(other, priority))
            assert held + rows > self.limits.rows or (held + rows) * ROW > self.limits.bytes
        else:
            self.waiting = [pair for pair in self.waiting if not pair[0].error]
            self.waiting.append((one, values))

    def take(self, rows: int, size: int) -> None:
        urgent = sum(len(left) for one, left in self.waiting if one.priority == URGENT)
        # Of a pipeline of which nothing is known, the urgent take nobody along.
        due = urgent or sum(len(left) for _, left in self.waiting)
        got = taken(self.queue.take(rows, size))
        assert len(got) == min(due, rows, max(1, size // ROW))
        urgent_first = sorted(self.waiting, key=lambda pair: -pair[0].priority)
        assert got == [n for _, left in urgent_first for n in left][: len(got)]
        for _, left in self.waiting:
            left[:] = [n for n in left if n not in got]

    def end(self, which: int) -> None:
        if self.waiting:
            one, left = self.waiting[which % len(self.waiting)]
            one.end(expired())
            left.clear()

    def check(self) -> None:
        held = sum(len(left) for _, left in self.waiting)
        assert self.queue.rows == held <= self.limits.rows
        assert self.queue.bytes == held * ROW <= self.limits.bytes


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 5), st.sampled_from([0, 1, 2])),
        st.tuples(st.just("take"), st.integers(1, 6), st.integers(1, 6 * ROW)),
        st.tuples(st.just("end"), st.integers(0, 20)),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_count_stays_right_whatever_comes_and_goes(steps: list[tuple[Any, ...]]) -> None:
    def scenario() -> tuple[int, int]:
        model = Model(Limits(rows=12, bytes=10 * ROW))
        for name, *arguments in steps:
            getattr(model, name)(*arguments)
            model.check()
        while model.queue.rows:
            model.take(3, 1 << 20)
            model.check()
        return model.queue.rows, model.queue.bytes

    assert within_loop(scenario) == (0, 0)


def test_what_cannot_be_in_time_when_its_turn_comes_is_refused() -> None:
    """It took a slot, to be given up before it came back, and so did what came after it."""

    def scenario() -> tuple[list[int], ConvoyError | None, int]:
        queue = AdmissionQueue(Limits())
        late = Request(inputs=numbers(1), deadline=0.5, priority=NORMAL)
        for one in (late, request(2)):
            queue.add(one)
        for n in range(EVIDENCE):
            queue.pace.land(10, n - EVIDENCE, n + 1 - EVIDENCE, full=True)
        pieces = queue.take(10, 1000)
        return taken(pieces), late.error, queue.rows

    left, error, waiting = within_loop(scenario)
    assert (left, waiting) == ([2], 0)
    assert error is not None
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "QUEUE_TOO_LONG")

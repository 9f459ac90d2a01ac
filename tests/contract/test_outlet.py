"""What a peer reads is what was put, whatever of it went straight into the kernel, on both event loops' transports.

Real sockets with tiny buffers, and a peer that reads when it is told to.
"""

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from livegift.edge.outlet import SHUT, Outlet, write_to_all
from livegift.edge.writes import WriteToEach
from livegift.supervisor.serve import listen
from tests.compiled import WRITERS
from tests.world import until

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
BUFFER_BYTES = 4_608
"""The least that Linux gives a sender."""
READ_MAX = 1 << 20
UNSENT_BYTES_MAX = 6_000

Test = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a test in that event loop; whatever reaches the loop's exception handler fails it."""

    def run_in_loop(test: Coroutine[Any, Any, None]) -> None:
        raised: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: raised.append(context))
            runner.run(test)
        assert raised == []

    return run_in_loop


class Noted(Outlet):
    """An outlet that notes what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.resumed = 0
        self.lost = asyncio.Event()

    def resume_writing(self) -> None:
        super().resume_writing()
        assert self.unsent_bytes() == 0
        self.resumed += 1

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.lost.set()


class Pair:
    """An outlet and its peer, who reads only when asked to."""

    def __init__(self, outlet: Noted, transport: asyncio.Transport, peer: socket.socket) -> None:
        self.outlet, self.transport, self.peer = outlet, transport, peer
        self.put_bytes, self.read_bytes = bytearray(), bytearray()

    def put(self, count: int) -> None:
        data = os.urandom(count)
        self.put_bytes += data
        self.outlet.put(data)
        assert self.outlet.unsent_bytes() == self.transport.get_write_buffer_size()
        assert self.is_straight == (self.outlet.unsent_bytes() == 0)

    def read(self, count: int) -> None:
        with suppress(BlockingIOError):
            self.read_bytes += self.peer.recv(count)

    async def read_all(self) -> None:
        async with asyncio.timeout(10):
            while len(self.read_bytes) < len(self.put_bytes):
                self.read(READ_MAX)
                await asyncio.sleep(0)
        self.read(READ_MAX)
        assert self.read_bytes == self.put_bytes

    @property
    def is_straight(self) -> bool:
        return self.outlet._straight != SHUT

    def end(self) -> None:
        self.outlet._abort()
        self.peer.close()


async def pair() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        peer.connect(server.getsockname())
        ours, _ = server.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setblocking(False)
    transport, outlet = await asyncio.get_running_loop().connect_accepted_socket(Noted, ours)
    return Pair(outlet, transport, peer)


def fill(pair: Pair) -> None:
    while pair.is_straight:
        pair.put(3_000)


def offer(pairs: list[Pair], count: int, write_to_each: WriteToEach) -> None:
    """Offer all of them the same bytes; exactly those get nothing for whom more than the limit waits."""
    data = os.urandom(count)
    slow = [one.outlet for one in pairs if one.outlet.unsent_bytes() > UNSENT_BYTES_MAX]
    assert write_to_all([one.outlet for one in pairs], data, UNSENT_BYTES_MAX, write_to_each) == slow
    for one in pairs:
        if one.outlet not in slow:
            one.put_bytes += data
        assert one.is_straight == (one.outlet.unsent_bytes() == 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9_000)),
        st.tuples(st.just("offer"), st.integers(1, 9_000)),
        st.tuples(st.just("read"), st.integers(1, 20_000)),
        st.tuples(st.just("turn"), st.integers(1, 3)),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(steps=STEPS, loop=st.sampled_from(sorted(LOOPS)), writer=st.sampled_from(sorted(WRITERS)))
def test_the_peer_reads_every_byte_once_and_in_order(steps: list[tuple[str, int]], loop: str, writer: str) -> None:
    async def play() -> None:
        own, quick = await pair(), await pair()
        for step, count in steps:
            if step == "put":
                own.put(count)
            elif step == "offer":
                offer([own, quick], count, WRITERS[writer]())
                await quick.read_all()
            elif step == "read":
                own.read(count)
            else:
                for _ in range(count):
                    await asyncio.sleep(0)
        await own.read_all()
        await until(lambda: own.is_straight)
        own.put(100)
        await own.read_all()
        own.end()
        quick.end()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(play())


def test_what_the_kernel_does_not_take_waits_and_is_told_when_it_has_left(run: Any) -> None:
    async def test() -> None:
        own = await pair()
        fill(own)
        assert own.outlet.unsent_bytes() > 0
        before = own.outlet.unsent_bytes()
        own.put(500)
        assert own.outlet.unsent_bytes() == before + 500
        assert own.outlet.resumed == 0
        await own.read_all()
        await until(lambda: own.outlet.resumed == 1)
        assert own.is_straight
        own.end()

    run(test())


def test_the_kernel_swallows_little_of_what_a_stuck_viewer_does_not_read(run: Any) -> None:
    async def test() -> None:
        with listen("127.0.0.1", 0, setting="port") as server:
            peer = socket.create_connection(server.getsockname())
            ours, _ = server.accept()
        transport, outlet = await asyncio.get_running_loop().connect_accepted_socket(Noted, ours)
        own = Pair(outlet, transport, peer)
        fill(own)
        swallowed = len(own.put_bytes)
        peer.setblocking(False)
        await own.read_all()
        await until(lambda: own.is_straight)
        own.end()
        assert swallowed < 1_000_000  # 3.9 million without the listener's option

    run(test())


def test_bytes_that_waited_before_the_outlet_took_over_leave_first(run: Any) -> None:
    """As when a client asks for a page and upgrades without reading it."""

    async def test() -> None:
        own = await pair()
        first = asyncio.Protocol()
        own.transport.set_protocol(first)
        waiting = b"x" * 3_000_000
        own.transport.write(waiting)
        own.put_bytes += waiting
        late = Noted()
        late.connection_made(own.transport)
        assert late._straight == SHUT
        own.outlet = late
        own.put(10)
        own.transport.set_protocol(late)
        own.put(10)
        assert not own.is_straight
        await own.read_all()
        await until(lambda: own.is_straight)
        own.end()

    run(test())


@pytest.mark.parametrize("is_full", [False, True])
def test_a_reset_peer_raises_nothing_and_ends_the_connection(run: Any, is_full: bool) -> None:
    async def test() -> None:
        own = await pair()
        if is_full:
            fill(own)
        own.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        own.peer.close()  # a reset
        for _ in range(5):
            own.outlet.put(b"into the void")
        async with asyncio.timeout(5):
            await own.outlet.lost.wait()
        own.outlet.put(b"nobody is there")
        assert own.outlet.unsent_bytes() == 0
        own.end()

    run(test())


def test_a_descriptor_is_not_used_again_once_its_connection_closes(run: Any) -> None:
    async def test() -> None:
        own = await pair()
        number = own.outlet._descriptor
        own.outlet._end()
        own.outlet.put(b"too late")
        async with asyncio.timeout(5):
            await own.outlet.lost.wait()
        await until(lambda: own.transport.get_extra_info("socket").fileno() != number)
        readers: list[int] = []
        while number not in readers:  # until somebody else has the number
            readers += os.pipe2(os.O_NONBLOCK)
            assert len(readers) < 64
        own.outlet.put(b"this must go nowhere")
        for descriptor in readers[::2]:
            with pytest.raises(BlockingIOError):
                os.read(descriptor, 1)
        for descriptor in readers:
            os.close(descriptor)
        assert own.peer.recv(100) == b""
        own.end()

    run(test())


def test_a_close_leaves_after_what_was_put(run: Any) -> None:
    async def test() -> None:
        own = await pair()
        fill(own)
        own.outlet._end()
        async with asyncio.timeout(10):
            while not own.outlet.lost.is_set():
                own.read(READ_MAX)
                await asyncio.sleep(0)
        await own.read_all()
        own.end()

    run(test())


def test_with_tls_everything_goes_through_the_transport(run: Any) -> None:
    class Secured(asyncio.Transport):
        """A transport that would encrypt."""

        def __init__(self) -> None:
            super().__init__({"sslcontext": ssl.create_default_context(), "socket": None})
            self.written = b""

        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

        def get_write_buffer_size(self) -> int:
            return 0

        def is_closing(self) -> bool:
            return False

        def write(self, data: Any) -> None:
            self.written += data

    async def test() -> None:
        transport, outlet = Secured(), Outlet()
        outlet.connection_made(transport)
        outlet.put(b"a secret")
        assert transport.written == b"a secret"

    run(test())

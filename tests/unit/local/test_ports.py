"""Ports of meshes on one machine."""

import socket
from contextlib import closing

from convoy_services.local.ports import BLOCKS, LOOPBACK, SIZE, Ports, is_taken


def test_a_port_with_a_listener_is_taken() -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as server:
        port = server.getsockname()[1]
        assert is_taken(port)
    assert not is_taken(port)


def test_a_port_taken_on_every_address_is_taken_on_the_loopback() -> None:
    with closing(socket.create_server(("", 0))) as server:
        assert is_taken(server.getsockname()[1])


def test_a_mesh_keeps_the_port_that_it_was_given_and_takes_the_others_from_a_block() -> None:
    ports, claim = Ports.choose(9123)
    with claim:
        assert ports.grpc == 9123
        named = ports.named()
        others = [port for name, port in named.items() if name != "grpc"]
        assert all(ports.block < port < ports.block + SIZE for port in others)
        assert len(set(named.values())) == len(named)
        assert {*ports.replica_http}.isdisjoint(ports.replica_grpc)


def test_no_two_meshes_share_a_block_while_both_hold_theirs() -> None:
    chosen = [Ports.choose(0) for _ in range(10)]
    blocks = {ports.block for ports, _ in chosen}
    for _, claim in chosen:
        claim.close()
    assert len(blocks) == 10
    assert all(block in BLOCKS for block in blocks)


def test_a_block_with_a_listener_in_it_is_passed_over() -> None:
    ports, claim = Ports.choose(0)
    claim.close()
    with closing(socket.create_server((LOOPBACK, ports.block + 7))):
        for _ in range(20):
            other, claim = Ports.choose(0)
            claim.close()
            assert other.block != ports.block

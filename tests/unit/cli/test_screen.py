"""What ``convoy top`` draws."""

from convoy_services.cli.screen import BLOCKS, sparkline


def test_a_sparkline_has_the_greatest_as_the_highest() -> None:
    assert sparkline([0.0, 5.0, 10.0]) == f"{BLOCKS[0]}{BLOCKS[4]}{BLOCKS[7]}"
    assert sparkline([]) == ""
    assert sparkline([0.0]) == BLOCKS[0]

"""What differs between the families of the contract, as data, and the durations of the model.

N0 answers the drain call from a counter, N1 drains natively, M is N0 plus an explicit maintainer move and without a balance scheduler.
C is the classic architecture: classic.py and classic_endpoints.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    name: str
    version: str
    native_drain: bool
    moves_maintainers: bool
    balances: bool
    exit_code: int  # after SIGTERM (section 10)
    classic: bool = False


FAMILIES = {
    "C": Family("C", "v8.5.0", native_drain=False, moves_maintainers=False, balances=False, exit_code=0, classic=True),
    "N0": Family("N0", "v8.5.6", native_drain=False, moves_maintainers=False, balances=True, exit_code=1),
    "N1": Family("N1", "v8.5.7", native_drain=True, moves_maintainers=False, balances=True, exit_code=0),
    "M": Family("M", "v8.5.7-12-g3f1c2ab", native_drain=False, moves_maintainers=True, balances=False, exit_code=0),
}


@dataclass(frozen=True)
class Durations:
    """All in milliseconds. Phases of a move are shares of move_ms, so that a move takes move_ms whatever the tick."""

    move_ms: int = 600
    ttl_ms: int = 10000
    stop_ms: int = 300
    register_ms: int = 200
    elect_ms: int = 150
    bootstrap_ms: int = 1000

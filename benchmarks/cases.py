"""All cases by suite: their names, and how a library prepares one."""

from __future__ import annotations

from benchmarks import growth_cases, net_engines, nets_cases, ops_cases, peer_cases

SUITES = {
    "ops": lambda: ops_cases.suites()["ops"],
    "engine": lambda: ops_cases.suites()["engine"],
    "nets": nets_cases.builders,
    "peers": peer_cases.builders,
    "peer nets": net_engines.builders,
    "growth": growth_cases.builders,
}


def names(suite):
    """The names of the cases of a suite, in the order in which they are measured."""
    return list(SUITES[suite]())


def build(library, suite, case):
    """The `step` of one case for one library."""
    return SUITES[suite]()[case](library)

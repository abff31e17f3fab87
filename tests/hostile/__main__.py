"""python -m tests.hostile --minutes N: attack the readers of files until the time is over; see the package's text."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile import __doc__ as description
from tests.hostile.kinds import KINDS, Seeds
from tests.hostile.parent import Child, Tally, attack, schedule


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: 1)")
    parser.add_argument("--cases", type=int, help="how many cases, instead of how long")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="only this kind; may be given again")
    parser.add_argument("--seed", type=int, default=1, help="where the numbers of the cases begin (default: 1)")
    parser.add_argument("--case", type=int, help="one case of --kind again; its files are kept in the folder it names")
    options = parser.parse_args(arguments)
    if options.case is not None and len(options.kind or ()) != 1:
        parser.error("--case needs one --kind")
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        folder = Path(folder)
        print("making the valid files that cases begin with ...", file=sys.stderr)
        Seeds.create(folder / "seeds")
        child = Child(folder)
        try:
            if options.case is not None:
                return _again(child, folder, options)
            return _attack(child, options)
        finally:
            child.end()


def _again(child, folder, options):
    """One case, what it did, and its files in a folder that stays."""
    outcome, finding = child.run(options.kind[0], options.case)
    kept = Path(tempfile.mkdtemp(prefix="case-")) / "case"
    (folder / "case").rename(kept) if (folder / "case").exists() else None
    print(outcome if finding is None else f"{finding.what}\n{finding.detail}")
    print(f"its files: {kept}")
    return int(finding is not None)


def _attack(child, options):
    tally, end = Tally(), time.monotonic() + 60 * options.minutes
    shown = [time.monotonic()]

    def proceed():
        if time.monotonic() - shown[0] > 30:
            shown[0] = time.monotonic()
            print(f"{tally.cases:,} cases, {len(tally.findings)} findings", file=sys.stderr)
        return tally.cases < options.cases if options.cases else time.monotonic() < end

    def found(finding):
        print(f"{finding.kind} {finding.number}: {finding.what}\n{finding.detail}", flush=True)

    try:
        attack(child, schedule(options.seed, options.kind or list(KINDS)), proceed, tally, found)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    print("\n".join(tally.table()))
    return int(bool(tally.findings))


if __name__ == "__main__":
    sys.exit(main())

"""Upgrades, broken ones and rollbacks, whatever runs the product."""

from events import since_failure, step_seconds
from figures import median
from machine import say, settle


def measure(figures, watched, of=""):
    """`watched` runs opsctl beside clients, and gives the run and how long the product did not serve."""
    outages, failing, going_back, back, steps, peaks = [], [], [], [], [], []
    for _ in range(figures.runs):
        settle()
        ran, outage = watched("upgrade", "1.1.0")
        outages.append(outage)
        steps.append(step_seconds(ran))
        peaks.append(ran.peak_mb)
        settle()
        ran, outage = watched("upgrade", "2.0.0-migration-fails", good=(4,))
        failing.append(outage)
        going_back.append(since_failure(ran))
        settle()
        _, outage = watched("rollback")
        back.append(outage)
        say(f"{of}upgrade: not serving {outages[-1]:.2f} s; broken: {failing[-1]:.2f} s; rollback: {outage:.2f} s")
    figures.row(f"{of}upgrade: not serving", "s", median(outages))
    figures.step_rows(f"{of}upgrade", steps)
    figures.row(f"{of}upgrade: peak memory of opsctl", "MB", max(peaks), goal=64)
    figures.row(f"{of}upgrade that fails: not serving", "s", median(failing))
    figures.row(f"{of}upgrade that fails: from the failure to gates passed on the old release", "s", median(going_back))
    figures.row(f"{of}rollback to the restore point: not serving", "s", median(back))

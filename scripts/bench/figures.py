"""The figures: each has a name, a unit, a value and perhaps a goal. They are told as a table and as JSON."""

import json
import statistics
import time
from pathlib import Path

from machine import describe, load_average


class Figures:
    def __init__(self, runs):
        self.runs = runs
        self.rows = []
        self.began_at, self.load = time.monotonic(), load_average()

    def row(self, what, unit, value, goal=None, least=None):
        met, bound = None, None
        if goal is not None:
            met, bound = value <= goal, "<="
        elif least is not None:
            goal, met, bound = least, value >= least, ">="
        figure = {"what": what, "unit": unit, "value": round(value, 3), "bound": bound, "goal": goal, "met": met}
        self.rows.append(figure)

    def step_rows(self, operation, runs):
        for name in runs[0]:
            self.row(f"{operation}, step: {name}", "s", median(seconds[name] for seconds in runs if name in seconds))

    def tell(self, output):
        figures = {
            "machine": describe(),
            "runs": self.runs,
            "load_average": {"before": self.load, "after": load_average()},
            "seconds": round(time.monotonic() - self.began_at),
            "figures": self.rows,
        }
        Path(output).write_text(json.dumps(figures, indent=2) + "\n")
        width = max(len(row["what"]) for row in self.rows)
        print(f"{'':{width}}  {'median':>8}  unit   goal")
        for row in self.rows:
            goal = "" if row["goal"] is None else f"{row['bound']} {row['goal']}"
            verdict = {None: "", True: "met", False: "MISSED"}[row["met"]]
            print(f"{row['what']:{width}}  {row['value']:8.2f}  {row['unit']:5}  {goal:8} {verdict}")


def median(values):
    return statistics.median(list(values))

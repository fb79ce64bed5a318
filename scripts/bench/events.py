"""What opsctl's events tell of a run."""

import json


def events(ran):
    return [json.loads(line) for _, line in ran.lines if line.startswith("{")]


def step_seconds(ran):
    """Seconds of each step, by its kind."""
    seconds, kind = {}, None
    for event in events(ran):
        if event["event"] == "step-started":
            kind = event["step"]["step"]
        elif event["event"] == "step-finished":
            seconds[kind] = seconds.get(kind, 0) + event["seconds"]
    return seconds


def since_failure(ran):
    """Seconds from the step that failed to the last event."""
    stamped = [(at, json.loads(line)) for at, line in ran.lines if line.startswith("{")]
    failed = next(at for at, event in stamped if event["event"] == "step-failed")
    return stamped[-1][0] - failed

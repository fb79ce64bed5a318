"""Measures, and tells the medians as a table and as JSON. Started by scripts/bench.sh."""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import logs
import upgrades
from clients import Reader, Sessions, Writer, records
from events import step_seconds
from figures import Figures, median
from machine import Failed, newest, run, say, settle
from store import StoreBench

OVER_COMPOSE = ("binary", "backup", "restore", "upgrade", "redaction")
STORM = 10
READY = "/health/ready"


class Bench:
    def __init__(self, arguments, figures):
        self.arguments = arguments
        self.compose = arguments.install / "compose"
        self.backups = arguments.install / "backup"
        self.scratch = arguments.install / "scratch"
        self.figures = figures

    # ------------------------------------------------------------ what is compared

    def opsctl(self, *command, good=(0,)):
        directory = ["--dir", str(self.arguments.install), "--output", "json", "--non-interactive"]
        return run([str(self.arguments.opsctl), *directory, *command], self.compose, good)

    def shell(self, script):
        return run(["bash", "-euo", "pipefail", "-c", script], self.compose)

    def scripts_backup(self):
        """What the scripts do: dump in the container, compressed there, and pack the result once more."""
        stamp = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
        folder, archive = self.scratch / stamp, self.scratch / f"backup-{stamp}.tar.gz"
        folder.mkdir(parents=True)
        ran = self.shell(
            f"docker compose exec -T postgres pg_dump -U ledger -Fc ledger > {folder}/db.dump"
            f" && tar -czf {archive} -C {self.scratch} {stamp}"
        )
        shutil.rmtree(folder)
        return ran, archive

    def scripts_restore(self, archive):
        """What the guide says that the scripts do, in its order; the four commands that replace the data are timed apart."""
        unpacked = self.scratch / "unpacked"
        unpacked.mkdir(parents=True)
        database = "docker compose exec -T postgres"
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ledger'"
        parts = {
            "unpack": f"tar -xzf {archive} -C {unpacked}",
            "stop": "docker compose stop ledger-api ledger-worker",
            "drop": f'{database} psql -U ledger -d postgres -qAtc "{ending}" && {database} dropdb -U ledger --if-exists ledger',
            "create": f"{database} createdb -U ledger ledger",
            "load": f"{database} pg_restore -U ledger -d ledger --no-owner --no-acl < {unpacked}/*/db.dump",
            "start": "docker compose up -d --wait",
        }
        took = {name: self.shell(part).wall for name, part in parts.items()}
        shutil.rmtree(unpacked)
        data = sum(took[name] for name in ("unpack", "drop", "create", "load"))
        return data, sum(took.values())

    # ------------------------------------------------------------ measurements

    def binary(self):
        program = self.arguments.opsctl
        kind = subprocess.run(["file", "-b", str(program)], capture_output=True, text=True).stdout
        help_ms = []
        for _ in range(20 * self.arguments.runs):
            began = time.monotonic()
            subprocess.run([str(program), "--help"], stdout=subprocess.DEVNULL, check=True)
            help_ms.append((time.monotonic() - began) * 1000)
        self.figures.row("`opsctl --help`, with its process", "ms", median(help_ms), goal=10)
        self.figures.row("release binary", "MB", program.stat().st_size / 1e6, goal=25)
        self.figures.row("release binary is static", "", 1.0 if "static" in kind else 0.0, least=1.0)

    def backup(self):
        theirs, ours = [], []
        for _ in range(self.arguments.runs):
            if theirs:
                theirs[-1][1].unlink()
            settle()
            theirs.append(self.scripts_backup_sized())
            settle()
            ours.append(self.opsctl_backup_sized())
            say(f"backup: scripts {theirs[-1][0].wall:.2f} s, opsctl {ours[-1][0].wall:.2f} s")
        wall = lambda runs: median(ran.wall for ran, _, _ in runs)
        size = lambda runs: median(size for _, _, size in runs)
        self.figures.row("backup: scripts, not verified", "s", wall(theirs))
        self.figures.row("backup: opsctl, read back whole", "s", wall(ours))
        self.figures.row("backup: time, opsctl / scripts", "ratio", wall(ours) / wall(theirs), goal=0.35)
        self.figures.row("backup: size, scripts", "MB", size(theirs) / 1e6)
        self.figures.row("backup: size, opsctl / scripts", "ratio", size(ours) / size(theirs), goal=1.05)
        self.figures.row("backup: processor time of the whole machine, scripts", "s", median(ran.machine_cpu for ran, _, _ in theirs))
        self.figures.row("backup: processor time of the whole machine, opsctl", "s", median(ran.machine_cpu for ran, _, _ in ours))
        self.figures.row("backup: peak memory of opsctl", "MB", max(ran.peak_mb for ran, _, _ in ours), goal=64)

    def scripts_backup_sized(self):
        ran, archive = self.scripts_backup()
        return ran, archive, archive.stat().st_size

    def opsctl_backup_sized(self):
        ran = self.opsctl("backup")
        archive = newest(self.backups)
        return ran, archive, archive.stat().st_size

    def restore(self):
        theirs, theirs_whole, ours, ours_whole, peaks, steps = [], [], [], [], [], []
        _, scripts_archive = self.scripts_backup()
        self.opsctl("backup")
        archive = newest(self.backups)
        for _ in range(self.arguments.runs):
            settle()
            data, whole = self.scripts_restore(scripts_archive)
            theirs.append(data)
            theirs_whole.append(whole)
            settle()
            ran, reader, _ = self.watched_restore(archive, writer=None)
            ours.append(reader.served_again() - ran.began)
            ours_whole.append(ran.wall)
            peaks.append(ran.peak_mb)
            steps.append(step_seconds(ran))
            say(f"restore: scripts {data:.2f} s ({whole:.2f} s to serving), opsctl {ours[-1]:.2f} s to serving")
        self.figures.row("restore: scripts, their four commands alone", "s", median(theirs))
        self.figures.row("restore: scripts, until the product serves", "s", median(theirs_whole))
        self.figures.row("restore: opsctl, until the product serves", "s", median(ours))
        self.figures.row("restore: opsctl, watched for a while after", "s", median(ours_whole))
        self.figures.row("restore: time, opsctl to serving / scripts' four commands", "ratio", median(ours) / median(theirs), goal=0.6)
        self.figures.row("restore: time, both to serving", "ratio", median(ours) / median(theirs_whole))
        self.figures.row("restore: peak memory of opsctl", "MB", max(peaks), goal=64)
        self.figures.step_rows("restore", steps)
        for title, sessions in (("", 0), (f", {STORM} sessions that reconnect at once", STORM)):
            outages = [self.outage_of_restore(archive, sessions) for _ in range(self.arguments.runs)]
            self.figures.row(f"restore: not serving{title}", "s", max(outages), goal=5)

    def outage_of_restore(self, archive, sessions):
        settle()
        with Sessions(self.database_url(), sessions):
            _, reader, writer = self.watched_restore(archive, Writer(self.arguments.api_port, records(self.arguments.agent_key)))
        outage = max(reader.outage(), writer.outage())
        say(f"restore: not serving for {outage:.2f} s with {sessions} sessions")
        return outage

    def watched_restore(self, archive, writer):
        with Reader(self.arguments.api_port, READY) as reader:
            if writer is None:
                return self.opsctl("restore", str(archive)), reader, None
            with writer:
                time.sleep(0.5)
                return self.opsctl("restore", str(archive)), reader, writer

    def upgrade(self):
        upgrades.measure(self.figures, self.watched)

    def redaction(self):
        """Processor time, since it is what a busy machine does not change. The secrets are those of the install."""
        log = self.scratch / "service.log"
        self.scratch.mkdir(parents=True, exist_ok=True)
        peaks = []
        for kind in logs.KINDS:
            megabytes = logs.write(log, kind, 500 if kind == "one line" else 200)
            say(f"redaction of {kind}")
            runs = [self.redacted(f"< {log}") for _ in range(self.arguments.runs)]
            peaks += [ran.peak_mb for ran in runs]
            self.figures.row(f"redaction: {kind}", "MB/s", megabytes / median(ran.cpu for ran in runs), least=100)
        subprocess.run(["gzip", "-1", "--force", str(log)], check=True)
        peaks.append(self.redacted(f"< {log}.gz").peak_mb)
        self.figures.row("redaction: peak memory, one line of 500 MB and its gzip among them", "MB", max(peaks), goal=64)
        shutil.rmtree(self.scratch)

    def redacted(self, source):
        settings = self.compose / ".env"
        return self.shell(
            f"exec {self.arguments.opsctl} support-bundle redact --env-file {settings} {source} > /dev/null"
        )

    def watched(self, *command, good=(0,)):
        port, key = self.arguments.api_port, self.arguments.agent_key
        with Reader(port, READY) as reader, Writer(port, records(key)) as writer:
            time.sleep(0.5)
            ran = self.opsctl(*command, good=good)
            time.sleep(0.5)
        return ran, max(reader.outage(), writer.outage())

    def database_url(self):
        settings = (self.compose / ".env").read_text().splitlines()
        password = next(line.split("=", 1)[1] for line in settings if line.startswith("POSTGRES_PASSWORD="))
        return f"postgresql://ledger:{password}@127.0.0.1:{self.arguments.postgres_port}/ledger"


def main():
    parser = argparse.ArgumentParser()
    for name in ("install", "opsctl", "ledger", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("api-port", "postgres-port", "runs", "size"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--agent-key", required=True)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--only", action="append", choices=[*OVER_COMPOSE, "store"], default=[])
    arguments = parser.parse_args()
    # Clients have to be ended then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by a signal"))
    figures = Figures(arguments.runs)
    bench = Bench(arguments, figures)
    try:
        for part in arguments.only:
            if part == "store":
                StoreBench(arguments, figures).run()
            else:
                getattr(bench, part)()
    except Failed as failed:
        sys.exit(f"bench: error: {failed}")
    figures.tell(arguments.output)


if __name__ == "__main__":
    main()

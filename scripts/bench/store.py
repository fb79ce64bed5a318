"""A product that is one process and one SQLite file: opsctl beside what a script does with the same file."""

import hashlib
import json
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import upgrades
from clients import Reader, Writer, receipts
from events import step_seconds
from figures import median
from machine import Failed, newest, run, say, settle

RELEASES = ("1.0.0", "1.1.0", "2.0.0-migration-fails")
SAMPLE = Path(__file__).resolve().parents[2] / "compose" / "ledger"
# How many receipts there are in a megabyte of the store, indexes included.
ROWS_A_MEGABYTE = 1300
DESCRIPTION = """
[product]
name = "collector"
title = "Collector"

[runtime]
kind = "process"
source = "../releases"

[service]
name = "collector"
command = ["./collector", "api", "--addr", "127.0.0.1:${{PORT}}", "--db", "${{DATABASE}}"]
version = ["./collector", "--version"]
port = {port}
health = "/healthz"

[health]
stop_grace = "10s"
watch_for = "3s"

[migrate]
command = ["./collector", "migrate", "--db", "${{DATABASE}}"]
timeout = "10m"
applied = {{ table = "_migrations", id = "id" }}

[database]
kind = "sqlite"
file = "collector.db"
begins_empty = true
"""


class StoreBench:
    """The two sides have the same releases and the same rows, and a folder, a port and a process each."""

    def __init__(self, arguments, figures):
        self.arguments = arguments
        self.figures = figures
        self.home = arguments.install / "store"
        self.ours = self.home / "ours"
        self.port = free_port()
        self.script = Script(self.home / "theirs", self.home / "releases" / RELEASES[0])

    def run(self):
        try:
            self.make()
            self.measure()
        finally:
            self.script.stop()
            if (self.ours / "current").is_symlink():
                self.opsctl("stop")
            if not self.arguments.keep:
                shutil.rmtree(self.home)

    def make(self):
        for version in RELEASES:
            lay_out(self.home / "releases" / version, version, self.arguments.ledger)
        self.ours.mkdir()
        (self.ours / "opsctl.toml").write_text(DESCRIPTION.format(port=self.port))
        self.opsctl("start", RELEASES[0])
        say(f"filling the store with {self.arguments.size} MB")
        self.fill()

    def fill(self):
        """As signed receipts are: JSON, in which hashes and signatures are random to a compressor."""
        store = sqlite3.connect(self.ours / "collector.db", isolation_level=None)
        store.execute("BEGIN IMMEDIATE")
        rows = (receipt(number) for number in range(self.arguments.size * ROWS_A_MEGABYTE))
        insert = "INSERT INTO receipts (id, chain_id, sequence, receipt_hash, received_at, body) VALUES (?, ?, ?, ?, ?, ?)"
        store.executemany(insert, rows)
        store.execute("COMMIT")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.execute("VACUUM INTO ?", [str(self.script.store)])
        store.close()
        # As the product has it.
        theirs = sqlite3.connect(self.script.store)
        theirs.execute("PRAGMA journal_mode = WAL")
        theirs.close()
        self.script.start()

    def opsctl(self, *command, good=(0,)):
        directory = ["--dir", str(self.ours), "--output", "json", "--non-interactive"]
        return run([str(self.arguments.opsctl), *directory, *command], self.ours, good)

    # ------------------------------------------------------------ measurements

    def measure(self):
        self.figures.row("store: its size", "MB", self.script.store.stat().st_size / 1e6)
        theirs, archive = self.backup()
        self.restore(theirs, archive)
        upgrades.measure(self.figures, self.watched, "store, ")
        self.rotate()

    def backup(self):
        theirs, ours, waits = [], [], []
        for _ in range(self.arguments.runs):
            settle()
            theirs.append(self.script.backup())
            settle()
            ours.append(self.opsctl("backup"))
            settle()
            _, wait = self.watched("backup")
            waits.append(wait)
            say(f"store, backup: script {theirs[-1].wall:.2f} s, opsctl {ours[-1].wall:.2f} s; a writer waited {wait:.2f} s")
        archive = newest(self.ours / "backup")
        size = archive.stat().st_size / self.script.archive.stat().st_size
        wall = lambda runs: median(ran.wall for ran in runs)
        self.figures.row("store, backup: script, not verified", "s", wall(theirs))
        self.figures.row("store, backup: opsctl, read back whole", "s", wall(ours))
        self.figures.row("store, backup: time, opsctl / script", "ratio", wall(ours) / wall(theirs), goal=1.0)
        self.figures.row("store, backup: size, opsctl / script", "ratio", size, goal=1.05)
        self.figures.row("store, backup: longest wait of a writer", "s", max(waits), goal=0.5)
        self.figures.row("store, backup: peak memory of opsctl", "MB", max(ran.peak_mb for ran in ours), goal=64)
        self.figures.step_rows("store, backup", [step_seconds(ran) for ran in ours])
        return self.script.archive, archive

    def restore(self, scripts_archive, archive):
        theirs, ours, outages, runs = [], [], [], []
        for _ in range(self.arguments.runs):
            settle()
            theirs.append(self.script.restore(scripts_archive))
            settle()
            with Reader(self.port, "/healthz") as reader:
                time.sleep(0.5)
                ran = self.opsctl("restore", str(archive))
            ours.append(reader.served_again() - ran.began)
            outages.append(reader.outage())
            runs.append(ran)
            say(f"store, restore: script {theirs[-1]:.2f} s, opsctl {ours[-1]:.2f} s, not serving {outages[-1]:.2f} s")
        self.figures.row("store, restore: script, until the product serves", "s", median(theirs))
        self.figures.row("store, restore: opsctl, until the product serves", "s", median(ours))
        self.figures.row("store, restore: time, opsctl / script", "ratio", median(ours) / median(theirs))
        self.figures.row("store, restore: not serving", "s", max(outages), goal=5)
        self.figures.row("store, restore: peak memory of opsctl", "MB", max(ran.peak_mb for ran in runs), goal=64)
        self.figures.step_rows("store, restore", [step_seconds(ran) for ran in runs])

    def rotate(self):
        """Once: the next one would find an empty store."""
        settle()
        ran, outage = self.watched("rotate", "store")
        self.figures.row("store, rotation: not serving", "s", outage)
        self.figures.step_rows("store, rotation", [step_seconds(ran)])
        self.figures.row("store, rotation: peak memory of opsctl", "MB", ran.peak_mb, goal=64)

    def watched(self, *command, good=(0,)):
        with Reader(self.port, "/healthz") as reader, Writer(self.port, receipts()) as writer:
            time.sleep(0.5)
            ran = self.opsctl(*command, good=good)
            time.sleep(0.5)
        return ran, max(reader.outage(), writer.outage())


class Script:
    """What a script does: the shell's `.backup`, and tar."""

    def __init__(self, folder, release):
        folder.mkdir(parents=True)
        self.folder = folder
        self.release = release
        self.store = folder / "collector.db"
        self.archive = folder / "backup.tar.gz"
        self.port = free_port()
        self.process = None

    def shell(self, script):
        return run(["bash", "-euo", "pipefail", "-c", script], self.folder)

    def backup(self):
        (self.folder / "copy").mkdir(exist_ok=True)
        return self.shell(
            "sqlite3 collector.db '.backup copy/collector.db' && tar -czf backup.tar.gz copy && rm copy/collector.db"
        )

    def restore(self, archive):
        """Seconds until the product serves."""
        began = time.monotonic()
        self.shell(f"tar -xzf {archive}")
        self.stop()
        self.shell("rm -f collector.db-wal collector.db-shm && mv copy/collector.db collector.db")
        self.start()
        return time.monotonic() - began

    def start(self):
        command = ["./collector", "api", "--addr", f"127.0.0.1:{self.port}", "--db", str(self.store)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=self.release, **quiet)
        began = time.monotonic()
        while not serves(self.port):
            if time.monotonic() - began > 30:
                raise Failed("the script's product does not serve")
            time.sleep(0.02)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None


def lay_out(folder, version, program):
    """A release: the sample product, told by a file beside it which release it is."""
    folder.mkdir(parents=True)
    shutil.copy(program, folder / "ledger")
    shutil.copy(SAMPLE / "releases" / f"{version}.json", folder / "release.json")
    shutil.copy(SAMPLE / "play.sh", folder / "collector")


def receipt(number):
    hashed = hashlib.sha256(f"receipt {number}".encode()).hexdigest()
    signature = hashlib.sha512(f"signature {number}".encode()).hexdigest()
    chain, sequence = f"chain-{number % 97}", number // 97
    body = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": f"urn:receipt:{hashed[:32]}",
        "credentialSubject": {
            "chain": {"chain_id": chain, "sequence": sequence},
            "action": {"type": "tool-call", "digest": hashed, "note": "done by the monthly run"},
        },
        "proof": {"type": "DataIntegrityProof", "proofValue": signature},
    }
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1767225600 + number))
    return body["id"], chain, sequence, hashed, at, json.dumps(body).encode()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def serves(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False

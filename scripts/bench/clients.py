"""Clients of the product and of its database that go on whatever happens, and note when they were served."""

import http.client
import itertools
import json
import os
import subprocess
import threading
import time

INTERVAL = 0.02
# Longer than any answer of a product that serves, shorter than the outages that are looked for.
TIMEOUT = 1.0


class Client(threading.Thread):
    """Sends a request every 20 ms, each on a connection of its own, and notes when it was answered well."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.served = []
        self._end = threading.Event()

    def run(self):
        due = time.monotonic()
        while not self._end.is_set():
            if self._ask():
                self.served.append(time.monotonic())
            due = max(due + INTERVAL, time.monotonic())
            self._end.wait(due - time.monotonic())

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            self.request(connection)
            answer = connection.getresponse()
            answer.read()
            return answer.status in (200, 201)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    def outage(self):
        """Longest time in seconds between two good answers."""
        return max((later - earlier for earlier, later in zip(self.served, self.served[1:])), default=float("inf"))

    def served_again(self):
        """When the first good answer after the longest outage came."""
        gaps = zip(self.served, self.served[1:])
        return max(gaps, key=lambda gap: gap[1] - gap[0])[1]


class Reader(Client):
    """Asks whether the product is ready."""

    def __init__(self, port, path):
        super().__init__(port)
        self.path = path

    def request(self, connection):
        connection.request("GET", self.path)


class Writer(Client):
    """Writes; `requests` gives one after the other: path, body and headers."""

    def __init__(self, port, requests):
        super().__init__(port)
        self.requests = requests

    def request(self, connection):
        path, body, headers = next(self.requests)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})


def records(key):
    """Records of the ledger."""
    while True:
        body = {"kind": "bench", "payload": {"sent": time.time()}}
        yield "/v1/records", body, {"Authorization": f"Bearer {key}"}


def receipts():
    """Receipts for the collector. No two are the same, in this process and in others."""
    for number in itertools.count():
        subject = {"chain": {"chain_id": "bench", "sequence": number}, "action": {"type": "bench"}}
        identifier = f"urn:receipt:bench-{os.getpid()}-{time.monotonic_ns()}"
        yield "/receipts", {"id": identifier, "credentialSubject": subject, "proof": {"proofValue": "z"}}, {}


class Sessions:
    """Sessions on the database that connect again the instant they are ended, as a connection pool does."""

    def __init__(self, url, count):
        self._url = url
        self._end = threading.Event()
        self._running = set()
        self._threads = [threading.Thread(target=self._hold, daemon=True) for _ in range(count)]

    def _hold(self):
        while not self._end.is_set():
            process = subprocess.Popen(
                ["psql", self._url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # One query after the other: a session that only waited would not learn that it was ended.
            process.stdin.write(b"SELECT 1 \\watch 0.1\n")
            process.stdin.close()
            self._running.add(process)
            process.wait()
            self._running.discard(process)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        while any(thread.is_alive() for thread in self._threads):
            for process in list(self._running):
                process.kill()
            time.sleep(0.05)

"""Logs such as services write, of any size. Every value follows from a fixed beginning: each run has the same."""

import random
from pathlib import Path

# So many lines are made, and then repeated: a window of the redaction holds a tenth of them.
LINES = 40_000


def write(path, kind, megabytes):
    """Writes a log of that kind, and says how many megabytes it has."""
    chance = random.Random(kind)
    block = "".join(KINDS[kind](chance) for _ in range(LINES)).encode()
    if kind == "one line":
        block = block.replace(b"\n", b" ")
    with Path(path).open("wb") as file:
        for _ in range(-(-megabytes * 1_000_000 // len(block))):
            file.write(block)
    return Path(path).stat().st_size / 1e6


def pino(chance):
    return (
        '{"level":30,"time":%d,"pid":1,"hostname":"ledger-api-7d9f8b6c5d-x2x7k","reqId":"%032x","req":{"method":"GET",'
        '"url":"/v1/records/%d?limit=50","remoteAddress":"10.0.0.%d"},"res":{"statusCode":200},"responseTime":%r,'
        '"msg":"request completed"}\n'
        % (
            1_764_110_000_000 + chance.randrange(10**6),
            chance.getrandbits(128),
            chance.randrange(10**6),
            chance.randrange(255),
            chance.random() * 100,
        )
    )


def postgres(chance):
    stamp = "2026-11-25 22:26:%02d.%03d UTC [%d] LOG:  " % tuple(map(chance.randrange, (60, 1000, 99999)))
    number, share = chance.randrange(10**6), chance.random() * 100
    return stamp + chance.choice(
        [
            "connection received: host=172.18.0.%d port=%d\n" % (number % 255, number % 65535),
            "connection authorized: user=ledger database=ledger application_name=api SSL enabled (protocol=TLSv1.3,"
            " cipher=TLS_AES_256_GCM_SHA384, bits=256)\n",
            "duration: %.3f ms  statement: SELECT id, hash, created_at FROM records WHERE chain_id = %d ORDER BY position"
            " DESC LIMIT 50\n" % (share, number),
            "checkpoint complete: wrote %d buffers (%.1f%%); 0 WAL file(s) added, 0 removed, 1 recycled; write=%.3f s,"
            " sync=0.012 s, total=%.3f s\n" % (number, share, share, share),
        ]
    )


def nginx(chance):
    return (
        '172.18.0.%d - - [25/Nov/2026:22:26:%02d +0000] "GET /v1/records/%d?limit=50&after=%d HTTP/1.1" 200 %d'
        ' "https://app.example.org/records" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)'
        ' Chrome/120.0.0.0 Safari/537.36"\n' % tuple(map(chance.randrange, (255, 60, 10**6, 10**6, 10**5)))
    )


KINDS = {"pino": pino, "postgresql": postgres, "nginx": nginx, "one line": pino}

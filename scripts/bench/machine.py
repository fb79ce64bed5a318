"""Running commands and seeing what they cost."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path


class Failed(Exception):
    """A command of the benchmark did not do its work."""


class Ran:
    """What a command cost, and what it printed."""

    def __init__(self, began, wall, cpu, machine_cpu, peak_mb, lines, code):
        self.began = began
        self.wall = wall
        self.cpu = cpu
        self.machine_cpu = machine_cpu
        self.peak_mb = peak_mb
        self.lines = lines
        self.code = code


def run(command, cwd, good=(0,)):
    """Runs a command to its end. Each line that it prints is kept with the time of its arrival."""
    busy = machine_busy()
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak, said = [0.0], []
    watcher = threading.Thread(target=_watch_memory, args=(process.pid, peak), daemon=True)
    errors = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
    watcher.start()
    errors.start()
    lines = [(time.monotonic(), line.rstrip("\n")) for line in process.stdout]
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    errors.join()
    watcher.join()
    if process.returncode not in good:
        tail = "".join(said[-15:]) + "\n".join(line for _, line in lines[-5:])
        raise Failed(f"{' '.join(map(str, command))} ended with {process.returncode}\n{tail}")
    cpu = usage.ru_utime + usage.ru_stime
    return Ran(began, wall, cpu, machine_busy() - busy, peak[0], lines, process.returncode)


def _watch_memory(pid, peak):
    """The kernel keeps the peak, so that it is enough to look now and then."""
    while True:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        if not found:
            return
        peak[0] = int(found[0].split()[1]) / 1024
        time.sleep(0.02)


def machine_busy():
    """Seconds of processor time that this machine has spent on anything at all."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def load_average():
    return float(Path("/proc/loadavg").read_text().split()[0])


def describe():
    """What the figures were measured on."""
    model = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    docker = "none"
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True)
        docker = asked.stdout.strip()
    return {
        "processors": os.cpu_count(),
        "model": model[0] if model else "unknown",
        "kernel": os.uname().release,
        "docker": docker,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
    }


def settle():
    """Lets what was written reach the disk, so that one measurement does not pay for the one before."""
    os.sync()
    time.sleep(2)


def newest(folder):
    """The backup that opsctl took last."""
    return max(folder.glob("backup-*.tar.gz"), key=lambda path: path.name)


def say(text):
    print(f"bench: {text} (load average {load_average():.1f})", file=sys.stderr, flush=True)

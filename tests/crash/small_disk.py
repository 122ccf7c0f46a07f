"""Check: a real file system of a few megabytes that fills up, in a mount namespace of its own."""
import os
import shutil
import subprocess
from pathlib import Path

from checks import expect
from trouble import NONE, STORAGE_ERROR, Scene
from wire import batch, produce, produce_errors

SIZE_MIB, BALLAST_BYTES = 8, 1 << 20
VALUE_BYTES = 50_000
RECORDS_MAX = 400  # more than the file system holds


class SmallFileSystem:
    """A tmpfs on `folder` that lives as long as a process which holds its namespace."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        flags = ["-m"] if os.geteuid() == 0 else ["-m", "-r"]
        script = f'mount -t tmpfs -o size={SIZE_MIB}m tmpfs "$0" && echo mounted && exec cat'
        self.holder = subprocess.Popen(["unshare", *flags, "sh", "-c", script, str(self.folder)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = self.holder.stdout.readline().strip()
        enter = ["-m"] if os.geteuid() == 0 else ["-m", "-U", "--preserve-credentials"]
        self.prefix = ["nsenter", "-t", str(self.holder.pid), *enter]
        self.inside = Path(f"/proc/{self.holder.pid}/root{self.folder}")  # as seen from here

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


def missing(folder):
    """Why there can be no such file system here, or None."""
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return "unshare and nsenter are not installed"
    system = SmallFileSystem(Path(folder) / "probe")
    system.close()
    return None if system.said == "mounted" else f"this machine does not allow it: {system.said}"


def fill(scene):
    """Produce to partition 0 of `t` until there is no space."""
    for _ in range(RECORDS_MAX):
        scene.number += 1
        records = batch(b"#%d#" % scene.number + bytes(VALUE_BYTES))
        error = produce_errors(scene.ask(produce("t", [0], records)))[0]
        if error == STORAGE_ERROR:
            return
        expect(error == NONE, f"error {error}")
        scene.acknowledged["t", 0].append(scene.number)
    raise AssertionError("the file system is full")


def small_file_system(dohle):
    """Records fill it, all are read; a file goes, and appends go on; full again and killed, nothing is missing."""
    system = SmallFileSystem(dohle.data)
    try:
        expect(system.said == "mounted", system.said)
        dohle.prefix = system.prefix
        ballast = [system.inside / "lost+found-1", system.inside / "lost+found-2"]
        scene = Scene(lambda: (dohle, None))
        for file in ballast:
            file.write_bytes(bytes(BALLAST_BYTES))
        fill(scene)
        scene.read()
        ballast[0].unlink()
        scene.produce({"t": [NONE, NONE], "other": [NONE]})
        expect(scene.create_error("new") == NONE, "a topic is made")
        fill(scene)
        scene.read()
        scene.dohle.kill()
        ballast[1].unlink()
        scene.start()
        scene.produce({"t": [NONE, NONE], "other": [NONE]})
        scene.end()
    finally:
        dohle.kill()
        system.close()
    return f"{len(scene.acknowledged['t', 0])} records of {VALUE_BYTES} bytes in {SIZE_MIB} MiB"

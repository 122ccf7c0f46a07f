"""Waiting for what a broker does behind its answers, and folders of log.dirs that are away for a while."""
import time


def settled(check, failures=(AssertionError,), patience_s=60):
    """What `check` returns once it raises none of `failures`; after `patience_s` they are raised."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return check()
        except failures:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def take_away(folder):
    """A file in the place of the folder, which stands for a disk that cannot be read."""
    folder.rename(folder.with_name("away"))
    folder.write_text("a disk that cannot be read\n")


def bring_back(folder):
    """Also when it is not away."""
    away = folder.with_name("away")
    if away.exists():
        folder.unlink()
        away.rename(folder)

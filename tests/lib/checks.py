"""Checks of a suite: each a function that raises when something is wrong, and may return what to tell beside its name."""
import sys
import time
import traceback


class Checks:
    """Runs checks one after another, prints a line each, counts. `only`: run those whose name contains it."""

    def __init__(self, only=""):
        self.only, self.failed, self.passed = only, 0, 0

    def check(self, name, run):
        if self.only not in name:
            return
        began = time.monotonic()
        try:
            told = run()
        except Exception:
            self.failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}")
        else:
            self.passed += 1
            print(f"ok   {name} ({time.monotonic() - began:.1f} s){': ' + told if told else ''}")
        sys.stdout.flush()

    def total(self):
        """Print the sum. Returns the status to exit with."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def expect(condition, what):
    if not condition:
        raise AssertionError(what)

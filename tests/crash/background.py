"""Something that goes on beside kills, in a thread of its own."""
import random
import threading

from checks import expect
from wire import Closed, Peer


class Background:
    """Takes a step() after another until `stop()`. `pause()` waits until it asks nothing, `go_on()` lets it again."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.address = None
        self.answered, self.failure, self.stopping = 0, None, False
        self.wanted, self.resting = False, True
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def step(self, peer):
        """Ask the broker for something; self.wanted = False when there is nothing to ask."""
        raise NotImplementedError

    def settle(self, address):
        """The broker is there again: is everything as it was answered?"""

    def go_on(self, address):
        with self.changed:
            self.address, self.wanted = address, True
            self.changed.notify_all()

    def pause(self):
        """The broker is gone: what waits for an answer ends by itself."""
        with self.changed:
            self.wanted = False
            expect(self.changed.wait_for(lambda: self.resting, 60), "the changes come to rest")
        if self.failure:
            raise self.failure

    def stop(self):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.thread.join()

    def _run(self):
        while not self.stopping:
            with self.changed:
                self.resting = True
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.wanted or self.stopping)
                self.resting = False
            try:
                peer = Peer(self.address)
                while self.wanted and not self.stopping:
                    self.step(peer)
                peer.close()
            except (Closed, OSError):
                pass  # killed
            except BaseException as failure:
                self.failure, self.wanted = failure, False

"""A Java program of a check, which tells how far it is and ends when it is told to."""
from brokers import PATIENCE_S, await_until
from client import Client


class Application:
    def __init__(self, stack, broker, command, log):
        self.stack, self.broker, self.command, self.log = stack, broker, command, log
        self.start()

    def start(self):
        self.client = Client(self.command, self.broker.address(), self.log)
        self.client.patience_s = PATIENCE_S
        self.count = 0  # what this process has done
        self.stack.callback(self.client.kill)

    def start_anew(self):
        """After a kill."""
        self.client.kill()
        self.start()

    def note(self):
        while self.client.answered():
            self.count = self.client.next_progress()
        return self.count

    def await_work(self, give, enough):
        """`give()` gives it work, of which it has done `enough`; a quick application may have done all of it."""
        wanted = self.note() + enough
        give()
        await_until(lambda: self.note() >= wanted, lambda: f"progress {wanted}, now {self.count}", moving=self.note)

    def end(self):
        self.client.finish(self.client.begin("end"))

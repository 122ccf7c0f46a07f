"""What happens to the broker in rounds: kills, a full disk, pauses, a clock that is set."""
import signal
import subprocess
import time

from checks import expect
from dohle import DohleError
from rounds import OPTIONS, Rounds

# What has no space: all, one kind of file, one topic. Whatever it is, the streams go on when there is space.
FULL_PARTS = ["/data/"] * 4 + [".log", ".index", ".timeindex", ".snapshot", "checkpoint", ".tmp", ".cleaned", ".swap",
                               "/__cluster_metadata-0/", "/java-", "/compacted-"]
PAUSE_S_MAX = 3  # the clients of the streams wait two seconds for an answer, and send again
DAY_S = 86400


class Kills(Rounds):
    """kill -9 at any moment, also while the broker starts. The page cache outlives the process: nothing that was acknowledged
    or read may be gone, whatever was synced."""

    starts_killed = 0

    def one_round(self):
        self.wait_for_some()
        time.sleep(self.random.random() * 0.02)
        self.dohle.kill()
        self.changes.pause()
        if self.random.randrange(5) == 0:
            self.kill_a_start()
        self.start()

    def kill_a_start(self):
        started = subprocess.Popen(self.dohle.command(self.options), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=self.log)
        time.sleep(self.random.random() * 0.03)
        started.kill()
        started.wait()
        self.starts_killed += 1

    def told(self, rounds):
        return f"{rounds} kills, {self.starts_killed} more while starting"


class FullDisk(Rounds):
    """The disk fills up, and has space again. Often the broker is killed meanwhile; it may not start on a full disk, if it
    says so."""

    kills = starts_refused = 0

    def __init__(self, disk, *arguments):
        super().__init__(*arguments)
        self.disk = disk

    def one_round(self):
        self.wait_for_some()
        self.changes.pause()
        self.disk.full(self.random.choice(FULL_PARTS))
        time.sleep(self.random.random() * 0.1)
        if self.random.randrange(2) == 0:
            self.kill()
        self.disk.well()
        for going in self.going:
            self.wait_for_progress(going, 1)
        self.resume()

    def kill(self):
        self.dohle.kill()
        self.kills += 1
        try:
            self.dohle.start(self.options)
        except DohleError as refused:
            expect(" ERROR " in str(refused), f"it says why: {refused}")
            self.starts_refused += 1
            self.disk.well()
            self.dohle.start(self.options)

    def told(self, rounds):
        return f"full {rounds} times, {self.kills} kills, {self.starts_refused} starts refused"


class Pauses(Rounds):
    """The process stands still for a while (SIGSTOP): clients send again what it then finds twice."""

    def one_round(self):
        self.wait_for_some()
        self.dohle.process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.random() * PAUSE_S_MAX)
        self.dohle.process.send_signal(signal.SIGCONT)
        for going in self.going:
            self.wait_for_progress(going, 1)

    def told(self, rounds):
        return f"{rounds} pauses"


class ClockSet(Rounds):
    """The wall clock is set forward and back, by up to 20 days, with kills in between: segments roll, and what is due stays
    due. No record is deleted and no producer forgotten for its age here."""

    # Producers keep the system's time, which may be far ahead of the broker's, or behind it.
    options = [*OPTIONS, f"log.message.timestamp.after.max.ms={2**63 - 1}", f"producer.id.expiration.ms={2**31 - 1}"]
    kills = 0

    def __init__(self, clock, *arguments):
        super().__init__(*arguments)
        self.clock = clock
        for stream in self.streams:
            stream.configs["retention.ms"] = "-1"

    def one_round(self):
        self.wait_for_some()
        self.clock.set((self.random.random() - 0.5) * 40 * DAY_S)
        if self.random.randrange(3) == 0:
            self.dohle.kill()
            self.kills += 1
            self.changes.pause()
            self.start()
        for going in self.going:
            self.wait_for_progress(going, 1)

    def told(self, rounds):
        return f"clock set {rounds} times, {self.kills} kills"

"""Checks: files and folders that are removed, moved, or made read-only under the running broker.

Who does that loses what was in them; the broker has to notice, to say so, and not to take records that nobody would find.
"""
import shutil
import time

from checks import expect
from dohle import DohleError
from trouble import NONE, STORAGE_ERROR, Scene, one_offline
from wire import batch, fetch, fetched, produce, produce_errors

NOTICE_S = 30  # a net: the broker looks once a second


def goes_offline(scene):
    """Partition 0 of `t` refuses records soon; until then it may take them."""
    deadline = time.monotonic() + NOTICE_S
    while True:
        errors = produce_errors(scene.ask(produce("t", [0], batch(b"lost"))))
        if errors == {0: STORAGE_ERROR}:
            break
        expect(errors == {0: NONE}, f"{errors}")
        expect(time.monotonic() < deadline, "the partition is offline")
        time.sleep(0.05)
    expect("Log is offline" in (scene.dohle.folder / "dohle.log").read_text(), "and the log says so")
    one_offline(scene)


def lost_for_good(new, remove):
    """The partition is offline; after a restart it is empty, and the others are as they were."""
    scene = Scene(new)
    remove(scene.dohle.data / "t-0")
    goes_offline(scene)
    scene.stop_badly()
    scene.start()
    scene.acknowledged["t", 0] = []
    scene.produce({"t": [NONE, NONE], "other": [NONE]})
    scene.end()


def folder_removed(new):
    lost_for_good(new, shutil.rmtree)


def folder_moved(new):
    """The partition is offline; when the folder is put back, a restart finds all of it."""
    scene = Scene(new)
    (scene.dohle.data / "t-0").rename(scene.dohle.folder / "elsewhere")
    goes_offline(scene)
    scene.dohle.kill()
    (scene.dohle.folder / "elsewhere").rename(scene.dohle.data / "t-0")
    scene.start()
    found = fetched(scene.ask(fetch("t", [0])))[0]
    expect(isinstance(found, bytes) and b"#1#" in found, "what was there before is there")
    del scene.acknowledged["t", 0]  # beside some that came until it was noticed
    scene.end()


def segment_removed(new):
    """The file that is written."""
    lost_for_good(new, lambda folder: (folder / f"{0:020}.log").unlink())


def data_folder_moved(new):
    """All of it is gone: nothing is taken any more, the stop ends; put back, everything is there."""
    scene = Scene(new)
    scene.dohle.data.rename(scene.dohle.folder / "elsewhere")
    deadline = time.monotonic() + NOTICE_S
    while True:
        errors = produce_errors(scene.ask(produce("t", [0, 1], batch(b"lost"))))
        if errors == {0: STORAGE_ERROR, 1: STORAGE_ERROR}:
            break
        expect(time.monotonic() < deadline, "the partitions are offline")
        time.sleep(0.05)
    expect(scene.create_error("new") == STORAGE_ERROR, "a topic cannot be made")
    scene.stop_badly()
    (scene.dohle.folder / "elsewhere").rename(scene.dohle.data)
    scene.start()
    for partition in range(2):
        expect(b"#1#" in fetched(scene.ask(fetch("t", [partition])))[partition], "what was there before is there")
    scene.stop()


def meta_properties_removed(new):
    """The broker goes on and stops well; the next start says that this is no data folder, and touches nothing."""
    scene = Scene(new)
    meta = scene.dohle.data / "meta.properties"
    content = meta.read_bytes()
    meta.unlink()
    scene.produce({"t": [NONE, NONE], "other": [NONE]})
    scene.stop()
    try:
        scene.start()
    except DohleError as error:
        expect("meta.properties" in str(error), f"it says what is missing: {error}")
    else:
        raise AssertionError("it starts")
    meta.write_bytes(content)
    scene.start()
    scene.end()


def lock_removed(new):
    """The broker goes on and stops well, and so does the next one."""
    scene = Scene(new)
    (scene.dohle.data / ".lock").unlink()
    scene.produce({"t": [NONE, NONE], "other": [NONE]})
    scene.end()


def folder_read_only(new):
    """A partition that cannot make its next segment is offline; made writable again, a restart heals it."""
    scene = Scene(new, ["log.roll.ms=1"])
    folder = scene.dohle.data / "t-0"
    folder.chmod(0o555)
    scene.ahead_s = 1  # by the time of its records each segment is over
    one_offline(scene)
    scene.stop_badly()
    folder.chmod(0o755)
    scene.start()
    scene.end()


def data_folder_read_only(new):
    """Partitions that have a folder go on; new ones, and new topics' records, are refused; the stop is not clean."""
    scene = Scene(new)
    scene.dohle.data.chmod(0o555)
    scene.produce({"t": [NONE, NONE], "other": [NONE]})
    expect(scene.create_error("new") == NONE, "a topic is made: the metadata log can be written")
    errors = produce_errors(scene.ask(produce("new", [0], batch(b"refused"))))
    expect(errors == {0: STORAGE_ERROR}, f"{errors}")
    scene.read()
    scene.stop_badly()
    scene.dohle.data.chmod(0o755)
    scene.start()
    expect(produce_errors(scene.ask(produce("new", [0], batch(b"taken")))) == {0: NONE}, "taken")
    scene.end()


CHECKS = [folder_removed, folder_moved, segment_removed, data_folder_moved, meta_properties_removed, lock_removed]
# These need a user whom permissions stop.
AS_USER = [folder_read_only, data_folder_read_only]

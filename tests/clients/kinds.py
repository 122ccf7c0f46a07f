"""The clients under test: what each needs, how its adapter is prepared, how it is started."""
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "clients"


class Kind:
    """A client: what it needs on the machine, how its adapter is prepared in `target`, and its command there.

    slow: not among the quick ones of make test. `sources` are folders here whose files make a preparation out of date."""

    def __init__(self, name, needs, sources, prepare, command, slow=False, title=None):
        self.name, self.needs, self.slow = name, needs, slow
        self.sources, self._prepare, self._command = sources, prepare, command
        self.target = BUILD / sources[0]
        self.stamp = BUILD / f"{name}.prepared"

    def missing(self):
        return [program for program in self.needs if not shutil.which(program)]

    def command(self):
        return self._command(self.target)

    def prepared(self):
        return not self._prepare or (self.stamp.exists() and self.stamp.read_text() == self._digest())

    def prepare(self):
        self.target.mkdir(parents=True, exist_ok=True)
        for command, folder in self._prepare(self.target):
            subprocess.run([str(word) for word in command], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                           stdout=sys.stderr)
        self.stamp.write_text(self._digest())

    def _digest(self):
        digest = hashlib.sha256()
        for source in self.sources:
            for path in sorted((HERE / source).rglob("*")):
                if path.is_file():
                    digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()


def python_client(name):
    def prepare(target):
        yield [sys.executable, "-m", "venv", target], HERE
        yield [target / "bin" / "pip", "install", "-q", "-r", HERE / name / "requirements.txt"], HERE
    return Kind(name, ["python3"], [name], prepare, lambda target: [target / "bin" / "python", HERE / name / "adapter.py"])


def go_client(name):
    def prepare(target):
        yield ["go", "build", "-o", target / name, f"./{name}"], HERE / "go"
    return Kind(name, ["go"], ["go"], prepare, lambda target: [target / name])


def prepare_java(target):
    yield ["mvn", "-B", "-q", "-Dstyle.color=never", f"-Ddohle.target={target}", "package"], HERE / "java"


def prepare_kafkajs(target):
    for file in ("package.json", "package-lock.json", "adapter.js"):
        shutil.copy(HERE / "kafkajs" / file, target)
    yield ["npm", "ci", "--silent", "--no-audit", "--no-fund"], target


KINDS = [
    Kind("kcat", ["kcat"], ["kcat"], None, lambda _target: [sys.executable, HERE / "kcat" / "adapter.py"]),
    python_client("confluent-kafka"),
    python_client("kafka-python"),
    Kind("java", ["java", "mvn"], ["java"], prepare_java,
         lambda target: ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{target}/classes:{target}/lib/*",
                         "dohle.clients.Adapter"]),
    Kind("console", ["java", "mvn"], ["console"], lambda _target: [([HERE.parent / "kafka" / "kafka", "fetch"], HERE)],
         lambda _target: [sys.executable, HERE / "console" / "adapter.py"], slow=True),
    go_client("sarama"),
    go_client("franz-go"),
    Kind("kafkajs", ["node", "npm"], ["kafkajs"], prepare_kafkajs, lambda target: ["node", target / "adapter.js"]),
]

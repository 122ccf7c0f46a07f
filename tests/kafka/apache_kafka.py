"""Apache Kafka on loopback, as the broker that dohle is compared with.

An Installation is one release: jars that Maven brought into the user's cache folder, and class-data archives of one
start and one run of a tool, which halve the time of later ones. A Server is one folder:

    DIR/server.properties   written at each start, from defaults and the caller's options
    DIR/listeners.json      the ports; kept, so that a second start answers at the same address
    DIR/data/               log.dirs; formatted at the first start, or brought by the caller (a folder that dohle wrote)
    DIR/server.log          Kafka's log; console.log what the JVM itself says; requests.log when asked for
    DIR/pid                 of the running process

A server outlives the program that started it (the command line starts and stops in two processes), so a pid found in the
file counts only while /proc or ps says that it is a broker of this very folder.

Needs Java 17, Maven and Python 3. Everything listens on 127.0.0.1.
"""
import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from xml.etree import ElementTree

import probe

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"

# What one node needs; everything else is Kafka's own default.
SINGLE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}

# fast: quick start and a small heap, for tests. stock: the flags of Kafka's own start script, for speed comparisons.
JVM_FLAGS = {
    "fast": "-Xms32m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "stock": "-server -Xms1G -Xmx1G -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 "
             "-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15",
}

TOOLS = {
    "broker-api-versions": "BrokerApiVersionsCommand",
    "client-metrics": "ClientMetricsCommand",
    "cluster": "ClusterTool",
    "configs": "kafka.admin.ConfigCommand",
    "console-consumer": "consumer.ConsoleConsumer",
    "console-producer": "ConsoleProducer",
    "consumer-groups": "consumer.group.ConsumerGroupCommand",
    "consumer-perf-test": "ConsumerPerformance",
    "delete-records": "DeleteRecordsCommand",
    "dump-log": "DumpLogSegments",
    "features": "FeatureCommand",
    "get-offsets": "GetOffsetShell",
    "groups": "GroupsCommand",
    "leader-election": "LeaderElectionCommand",
    "log-dirs": "LogDirsCommand",
    "metadata-quorum": "MetadataQuorumCommand",
    "metadata-shell": "org.apache.kafka.shell.MetadataShell",
    "producer-perf-test": "ProducerPerformance",
    "reassign-partitions": "reassign.ReassignPartitionsCommand",
    "storage": "kafka.tools.StorageTool",
    "topics": "TopicCommand",
    "transactions": "TransactionsCommand",
    "verifiable-producer": "VerifiableProducer",
}


HELD = []  # sockets of ports that are free


class KafkaError(Exception):
    """A start or a fetch that failed, in words for a person."""


def free_port():
    """Who asks for any port does not get this one while this process runs: Linux keeps a bound socket's port for those that
    ask for it by its number with SO_REUSEADDR, as Java and dohle do."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    if sys.platform == "linux":
        HELD.append(holder)
    return holder.getsockname()[1]


def tail(path, lines=15):
    return "".join(path.read_text(errors="replace").splitlines(True)[-lines:]) if path.exists() else ""


def ended(pid):
    """True once a process is gone and its files are closed; that is later than the end of its /proc/PID/cmdline."""
    with contextlib.suppress(ChildProcessError):  # not our child: started by another run of the launcher
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return state in ("", "Z", "Zs")


class Installation:
    """One release of Apache Kafka in the cache folder."""

    def __init__(self, version=None, tools_version=None):
        properties = ElementTree.parse(HERE / "pom.xml").getroot().find("{*}properties")
        self.version = version or properties.findtext("{*}kafka.version")
        self.tools_version = tools_version or version or properties.findtext("{*}tools.version")
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.folder = cache / "dohle" / f"kafka-{self.version}"
        self.archive = self.folder / "classes.jsa"
        self.tools_archive = self.folder / "tools.jsa"

    def fetch(self):
        """Bring what is missing. Safe to call from several processes at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for profile in ("server", "tools"):
                self._fetch_jars(profile)
            if not (self.archive.exists() and self.tools_archive.exists()):
                self._archive_classes()

    def _fetch_jars(self, profile):
        target = self.folder / profile
        if (target / "complete").exists():
            return
        shutil.rmtree(target, ignore_errors=True)
        if not shutil.which("mvn"):
            raise KafkaError("Maven (mvn) is needed to fetch Apache Kafka")
        done = subprocess.run(
            ["mvn", "-B", "-q", "-Dstyle.color=never", "-f", str(HERE / "pom.xml"), f"-P{profile}",
             f"-Dkafka.version={self.version}", f"-Dtools.version={self.tools_version}",
             "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"],
            stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if done.returncode:
            raise KafkaError(f"Maven could not fetch Apache Kafka {self.version} ({profile})")
        (target / "complete").touch()

    def _archive_classes(self):
        trial = self.folder / f"trial-{os.getpid()}"
        server = Server(trial, self)
        try:
            server.launch(flags=[f"-XX:ArchiveClassesAtExit={self.archive}.new"])
            self.run_tool("configs", "--bootstrap-server", server.address(), "--describe", "--entity-type", "topics",
                          flags=[f"-XX:ArchiveClassesAtExit={self.tools_archive}.new", "-Xlog:disable"])
            server.stop()
            for archive in (self.archive, self.tools_archive):
                Path(f"{archive}.new").replace(archive)
        finally:
            server.kill()
            shutil.rmtree(trial, ignore_errors=True)

    def java(self, profile, main, arguments, flags):
        """The command line of a Java program of this release."""
        home = os.environ.get("JAVA_HOME")
        binary = os.path.join(home, "bin", "java") if home else "java"
        jars = sorted((self.folder / profile).glob("*.jar"))
        return [binary, *flags, "-cp", ":".join(map(str, jars)), main, *map(str, arguments)]

    @staticmethod
    def archive_flags(archive):
        if not archive.exists():
            return []
        return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:disable"]

    def tool(self, name, *arguments, flags=()):
        """The command line of one of Kafka's tools: a name of TOOLS, or a full class name. flags: more of the JVM's."""
        if name not in TOOLS and "." not in name:
            raise KafkaError(f"unknown tool {name}; known: {' '.join(sorted(TOOLS))}")
        main = TOOLS.get(name, name)
        if not main.startswith(("kafka.", "org.")):
            main = "org.apache.kafka.tools." + main
        config = self.folder / "tools.xml"
        if not config.exists():
            config.write_text(
                '<Configuration status="error"><Appenders><Console name="stderr" target="SYSTEM_ERR">'
                '<PatternLayout pattern="%p %m (%c)%n"/></Console></Appenders>'
                '<Loggers><Root level="WARN"><AppenderRef ref="stderr"/></Root></Loggers></Configuration>\n')
        flags = [*(flags or ([] if name == "storage" else self.archive_flags(self.tools_archive))), "-Xmx512m",
                 f"-Dlog4j2.configurationFile={config}", *os.environ.get("KAFKA_JVM", "").split()]
        if "perf" not in name:  # short-lived: start quickly rather than run quickly
            flags += ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return self.java("server" if name == "storage" else "tools", main, arguments, flags)

    def run_tool(self, name, *arguments, flags=(), **keywords):
        """Run a tool to its end; its standard output as text. KafkaError with what it said when it fails."""
        done = subprocess.run(self.tool(name, *arguments, flags=flags), capture_output=True, text=True, **keywords)
        if done.returncode:
            raise KafkaError(f"{name} {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return done.stdout


class Server:
    """The broker of one folder."""

    def __init__(self, folder, installation=None):
        self.folder = Path(folder).resolve()
        self.installation = installation or Installation()
        self.data = self.folder / "data"

    def address(self):
        """HOST:PORT for clients; the same after a restart."""
        return f"{HOST}:{self._ports()['PLAINTEXT']}"

    def start(self, **options):
        """Fetch what is missing, then launch(). Returns the seconds from the process's start until it was ready."""
        self.installation.fetch()
        return self.launch(**options)

    def format(self, options=(), features=(), release=None):
        """Fetch what is missing and format the folder, without a start."""
        self.installation.fetch()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configure(None, options)
        self._format(features, release)

    def launch(self, port=None, options=(), jvm="fast", features=(), release=None, requests=False, wait_s=60, flags=()):
        """Format the folder when it is new, start, wait until Metadata is answered.

        options: "key=value" texts that win over the defaults. features ("name=level") and release count when formatting.
        requests: write every request and answer as JSON into requests.log. flags: more of the JVM's."""
        if self.pid():
            raise KafkaError(f"already running: pid {self.pid()}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configure(port, options)
        self._format(features, release)
        self._configure_log(requests)
        own = [] if flags or jvm == "stock" else self.installation.archive_flags(self.installation.archive)
        command = self.installation.java(
            "server", "kafka.Kafka", [self.folder / "server.properties"],
            [*JVM_FLAGS[jvm].split(), *own, f"-Dlog4j2.configurationFile={self.folder}/log4j2.xml",
             "-Djava.awt.headless=true", self._mark(), *flags, *os.environ.get("KAFKA_JVM", "").split()])
        began = time.monotonic()
        with open(self.folder / "console.log", "ab") as console:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                       start_new_session=True)
        (self.folder / "pid").write_text(f"{process.pid}\n")
        while not probe.is_ready(self.address()):
            if process.poll() is not None or time.monotonic() - began > wait_s:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                raise KafkaError("not ready; last lines:\n" + tail(self.folder / "server.log")
                                 + tail(self.folder / "console.log"))
            time.sleep(0.02)
        return time.monotonic() - began

    def stop(self, wait_s=60):
        """SIGTERM, then wait until the process is gone; SIGKILL when that takes longer than wait_s."""
        self._end(signal.SIGTERM, wait_s)

    def kill(self):
        """SIGKILL: a crash of the process."""
        self._end(signal.SIGKILL, wait_s=60)

    def pid(self):
        """The process id of this folder's running broker, or None."""
        try:
            pid = int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return None
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            command = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True).stdout.split()
        return pid if self._mark().encode() in command else None

    def _mark(self):
        return f"-Ddohle.test.folder={self.folder}"

    def _ports(self):
        return json.loads((self.folder / "listeners.json").read_text())

    def _configure(self, port, options):
        known = self.folder / "listeners.json"
        ports = json.loads(known.read_text()) if known.exists() else {}
        ports = {"PLAINTEXT": port or ports.get("PLAINTEXT") or free_port(),
                 "CONTROLLER": ports.get("CONTROLLER") or free_port()}
        known.write_text(json.dumps(ports) + "\n")
        self.config = dict(SINGLE_NODE)
        self.config["listeners"] = ",".join(f"{name}://{HOST}:{number}" for name, number in ports.items())
        self.config["controller.quorum.bootstrap.servers"] = f"{HOST}:{ports['CONTROLLER']}"
        self.config["log.dirs"] = str(self.data)
        self.config.update(option.split("=", 1) for option in options)
        text = "".join(f"{key}={value}\n" for key, value in self.config.items())
        (self.folder / "server.properties").write_text(text)

    def _format(self, features, release):
        if (self.data / "meta.properties").exists():
            return
        # Not an id that begins with "-": the formatter would read it as an option.
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        arguments = ["format", "-t", cluster, "-c", self.folder / "server.properties"]
        arguments += [] if "controller.quorum.voters" in self.config else ["--standalone"]
        for feature in features:
            arguments += ["--feature", feature]
        if release:
            arguments += ["--release-version", release]
        flags = [*JVM_FLAGS["fast"].split(), *self.installation.archive_flags(self.installation.archive)]
        done = subprocess.run(self.installation.java("server", "kafka.tools.StorageTool", arguments, flags),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise KafkaError("format failed:\n" + done.stdout + done.stderr)

    def _configure_log(self, requests):
        pattern = '<PatternLayout pattern="[%d] %p %m (%c)%n"/>'
        files = {"server": "server.log", **({"requests": "requests.log"} if requests else {})}
        appenders = "".join(f'<File name="{name}" fileName="{self.folder}/{file}">{pattern}</File>'
                            for name, file in files.items())
        logger = ('<Logger name="kafka.request.logger" level="TRACE" additivity="false">'
                  '<AppenderRef ref="requests"/></Logger>' if requests else "")
        (self.folder / "log4j2.xml").write_text(
            f'<Configuration status="error"><Appenders>{appenders}</Appenders><Loggers>{logger}'
            '<Root level="INFO"><AppenderRef ref="server"/></Root></Loggers></Configuration>\n')

    def _end(self, how, wait_s):
        pid = self.pid()
        if not pid:
            return
        os.kill(pid, how)
        until = time.monotonic() + wait_s
        while not ended(pid):
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

"""The applications of this folder: each is a Maven project whose classes and jars go to build/exactly-once/NAME."""
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / part) for part in ("clients", "kafka", "lib")]

from kinds import KINDS, Kind, build_with_maven

BUILD = HERE.parents[1] / "build" / "exactly-once"
HEAP_MB = 192
# Warnings, with the time, but that the broker is not there.
LOGGING = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
           "-Dorg.slf4j.simpleLogger.log.org.apache.flink.metrics=error",
           *(f"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.{name}=error"
             for name in ("NetworkClient", "producer.internals.Sender"))]


def application(name):
    return Kind(name, ["java", "mvn"], [name], lambda target: [build_with_maven(HERE / name, target)], None, here=HERE,
                build=BUILD)


APPLICATIONS = {name: application(name) for name in ("checker", "streams", "connect", "spring", "flink")}
LIBRDKAFKA = next(kind for kind in KINDS if kind.name == "confluent-kafka")


def java(name, main, *arguments, flags=()):
    """The command line of a class of an application."""
    target = APPLICATIONS[name].target
    home = os.environ.get("JAVA_HOME")
    return [os.path.join(home, "bin", "java") if home else "java", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1", *LOGGING, *flags, "-cp",
            f"{target}/classes:{target}/lib/*", main, *map(str, arguments)]


def python(script, *arguments):
    """The command line of a script over librdkafka."""
    return [str(LIBRDKAFKA.target / "bin" / "python"), str(HERE / script), *map(str, arguments)]

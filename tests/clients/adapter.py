"""The half of an adapter that is the same for every client in Python: command lines in, answers out. See README.md.

A client's adapter is a class with one method a command; the arguments are the command's fields. It returns a dictionary,
raises Unsupported for what the client cannot do, anything else for a failure. Bytes are bytes here and base64 in JSON.
"""
import base64
import inspect
import json
import sys


class Unsupported(Exception):
    """The client has no way to do this; the text says why."""


def decode_record(record):
    return {"key": from_base64(record.get("key")), "value": from_base64(record.get("value")),
            "headers": [(name, from_base64(value)) for name, value in record.get("headers") or []]}


def encode_record(offset, timestamp, key, value, headers):
    return {"offset": offset, "timestamp": timestamp, "key": to_base64(key), "value": to_base64(value),
            "headers": [(name, to_base64(content)) for name, content in headers or []]}


def from_base64(text):
    return None if text is None else base64.b64decode(text)


def to_base64(content):
    return None if content is None else base64.b64encode(content).decode()


def numbered_value(number, size):
    """Record `number` of the large test: its own number in twelve digits, then one byte that follows from it."""
    return b"%012d" % number + bytes([number % 251]) * (size - 12)


def check_numbered(number, offset, value, size):
    """Raise unless this is record `number`, whole and at its place."""
    if offset != number or value != numbered_value(number, size):
        raise AssertionError(f"record {number} expected, offset {offset} has {value[:20]!r} of {len(value)} bytes")


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve(adapter):
    """Answer commands from standard input until it ends."""
    for line in sys.stdin:
        command = json.loads(line)
        method = getattr(adapter, command.pop("do"), None)
        try:
            if method is None:
                raise Unsupported("the client has no such call")
            if "records" in command:
                command["records"] = [decode_record(record) for record in command["records"]]
            known = inspect.signature(method).parameters
            say({"result": method(**{name: value for name, value in command.items() if name in known}) or {}})
        except Unsupported as reason:
            say({"unsupported": str(reason)})
        except Exception as error:  # whatever the client library throws is the answer
            say({"error": f"{type(error).__name__}: {error}"})

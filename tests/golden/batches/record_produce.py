#!/usr/bin/env python3
"""Ask Apache Kafka what it makes of produced batches, right and wrong ones, and write the answers down.

    tests/golden/batches/record_produce.py HOST:PORT > tests/golden/batches/produce.txt

HOST:PORT is an Apache Kafka (tests/kafka/kafka start FOLDER). Nothing but Python is needed: batches are made here, and
the data of lz4, snappy and zstd consists of stored blocks, which those formats allow. tests/test_record_validate.c gives
the same batches to our own check and compares. A case in the file:

    case NAME                  what the batch is like
    rules KEY=VALUE ...        configuration of the topic, where it is not the default
    version N                  of the Produce request
    now MS                     the broker's clock, as near as the answer tells it
    batch HEX                  what was sent as records
    answer CODE INDEX,...      error code, and the records that are listed as bad (- for none)
    message TEXT               Kafka's error text, for people
    stored HEX                 what Fetch returns afterwards, leader epoch zeroed (accepted batches only)
"""
import socket
import struct
import sys
import time
import zlib

# ---- the batch ---------------------------------------------------------------------------------------------------------

CRC_TABLE = []
for index in range(256):
    value = index
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    CRC_TABLE.append(value)


def crc32c(data):
    state = 0xFFFFFFFF
    for byte in data:
        state = state >> 8 ^ CRC_TABLE[(state ^ byte) & 0xFF]
    return state ^ 0xFFFFFFFF


def uvarint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def varint(value):
    return uvarint((value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF)


def sized(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(index, delta_ms=0, key=b"k", value=b"v", headers=(), length=None, raw_headers=None, tail=b""):
    """One record; the last three make it wrong."""
    body = b"\0" + varint(delta_ms) + varint(index) + sized(key) + sized(value)
    if raw_headers is None:
        body += varint(len(headers)) + b"".join(sized(name) + sized(content) for name, content in headers)
    else:
        body += raw_headers
    body += tail
    return varint(len(body) if length is None else length) + body


def gzip(data):
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


SNAPPY_HEAD = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)


def snappy_raw(data):
    assert 0 < len(data) <= 256
    return uvarint(len(data)) + (bytes([len(data) - 1 << 2]) if len(data) <= 60 else bytes([60 << 2, len(data) - 1])) + data


def snappy(data):
    return SNAPPY_HEAD + struct.pack(">i", len(snappy_raw(data))) + snappy_raw(data)


def xxhash32(data):
    """With seed 0, of fewer than 16 bytes or in lanes; the checksum of lz4 frames."""
    first, second, third, fourth, fifth = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    mask = 0xFFFFFFFF

    def rotate(number, bits):
        return (number << bits | number >> 32 - bits) & mask

    at, state = 0, fifth
    if len(data) >= 16:
        lanes = [first + second & mask, second, 0, -first & mask]
        while at + 16 <= len(data):
            for lane, word in enumerate(struct.unpack_from("<4I", data, at)):
                lanes[lane] = rotate(lanes[lane] + word * second & mask, 13) * first & mask
            at += 16
        state = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18)
    state = state + len(data) & mask
    while at + 4 <= len(data):
        state = rotate(state + struct.unpack_from("<I", data, at)[0] * third & mask, 17) * fourth & mask
        at += 4
    for byte in data[at:]:
        state = rotate(state + byte * fifth & mask, 11) * first & mask
    state = (state ^ state >> 15) * second & mask
    state = (state ^ state >> 13) * third & mask
    return state ^ state >> 16


def lz4(data, flags=0x60, block=0x40, content_size=b"", block_sum=None, content_sum=b""):
    """One stored block; what the flags promise is for the caller to give."""
    descriptor = bytes([flags, block]) + content_size
    block_sum = b"" if block_sum is None else struct.pack("<I", xxhash32(data) + block_sum & 0xFFFFFFFF)
    return (b"\x04\x22\x4d\x18" + descriptor + bytes([xxhash32(descriptor) >> 8 & 0xFF]) +
            struct.pack("<I", len(data) | 0x80000000) + data + block_sum + bytes(4) + content_sum)


def zstd(data):
    assert len(data) <= 255
    return b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)]) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


CODECS = [bytes, gzip, snappy, lz4, zstd]
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
LOG_APPEND, TRANSACTIONAL, CONTROL, DELETE_HORIZON = 8, 16, 32, 64


def batch(records, codec=NONE, attributes=0, packed=None, base_offset=0, length=None, magic=2, crc=None, last_delta=None,
          base_ms=None, max_ms=None, pid=-1, epoch=-1, sequence=-1, count=None, tail=b"", times=None):
    """A batch; `packed` replaces the compressed records, the rest of the names are the header's fields."""
    base_ms = NOW if base_ms is None else base_ms
    max_ms = base_ms if max_ms is None else max_ms
    count = len(records) if count is None else count
    last_delta = count - 1 if last_delta is None else last_delta
    body = CODECS[codec](b"".join(records)) if packed is None else packed
    checked = struct.pack(">hiqqqhii", codec | attributes, last_delta, base_ms, max_ms, pid, epoch, sequence, count) + body
    crc = crc32c(checked) if crc is None else crc
    length = 9 + len(checked) if length is None else length
    return struct.pack(">qiibI", base_offset, length, -1, magic, crc) + checked + tail


NOW = int(time.time() * 1000)
HOUR = 3600 * 1000
THREE = [record(0), record(1, 5), record(2, 3, key=None, value=None)]
MAX5 = NOW + 5
CREATE = {}
APPEND = {"message.timestamp.type": "LogAppendTime"}
COMPACT = {"cleanup.policy": "compact"}
SMALL = {"max.message.bytes": "200"}
NARROW = {"message.timestamp.before.max.ms": str(HOUR), "message.timestamp.after.max.ms": str(HOUR)}
BOUNDED = {"max.decompressed.message.bytes": "100"}
LONG = record(0, value=b"x" * 150)


def packed_lz4(**frame):
    return batch(THREE, LZ4, packed=lz4(b"".join(THREE), **frame), max_ms=MAX5)


def to(codec, **more):
    return {"compression.type": codec, **{name.replace("_", "."): value for name, value in more.items()}}


# name, topic configuration, what is sent, version of Produce
CASES = [
    ("three good records", CREATE, batch(THREE, max_ms=MAX5)),
    ("three good records, gzip", CREATE, batch(THREE, GZIP, max_ms=MAX5)),
    ("three good records, snappy", CREATE, batch(THREE, SNAPPY, max_ms=MAX5)),
    ("three good records, lz4", CREATE, batch(THREE, LZ4, max_ms=MAX5)),
    ("three good records, zstd", CREATE, batch(THREE, ZSTD, max_ms=MAX5)),
    ("zstd before version 7", CREATE, batch(THREE, ZSTD, max_ms=MAX5), 6),
    ("gzip before version 7", CREATE, batch(THREE, GZIP, max_ms=MAX5), 6),
    # frame
    ("no bytes", CREATE, b""),
    ("eleven bytes", CREATE, batch(THREE)[:11]),
    ("sixteen bytes", CREATE, batch(THREE)[:16]),
    ("batch that is cut", CREATE, batch(THREE)[:-1]),
    ("length below any record", CREATE, batch(THREE, length=13)),
    ("negative length", CREATE, batch(THREE, length=-5)),
    ("length below the header", CREATE, batch(THREE, length=40)),
    ("length above the bytes", CREATE, batch(THREE, length=4000)),
    ("magic 0", CREATE, batch(THREE, magic=0)),
    ("magic 1", CREATE, batch(THREE, magic=1)),
    ("magic 3", CREATE, batch(THREE, magic=3)),
    ("magic -1", CREATE, batch(THREE, magic=-1)),
    ("a few bytes behind", CREATE, batch(THREE, max_ms=MAX5, tail=b"tail")),
    ("zeros behind", CREATE, batch(THREE, max_ms=MAX5, tail=bytes(40))),
    ("half a batch behind", CREATE, batch(THREE, max_ms=MAX5, tail=batch(THREE)[:-1])),
    ("unknown magic behind", CREATE, batch(THREE, max_ms=MAX5, tail=batch(THREE, magic=3))),
    ("two batches", CREATE, batch(THREE) + batch(THREE)),
    # batch and header
    ("base offset 1", CREATE, batch(THREE, base_offset=1)),
    ("wrong checksum", CREATE, batch(THREE, crc=1)),
    ("base offset before checksum", CREATE, batch(THREE, base_offset=1, crc=1)),
    ("size before checksum", SMALL, batch([LONG], crc=1)),
    ("base offset before size", SMALL, batch([LONG], base_offset=1)),
    ("larger than max.message.bytes", SMALL, batch([LONG, LONG])),
    ("exactly max.message.bytes", {"max.message.bytes": str(len(batch([LONG])))}, batch([LONG])),
    ("codec 5", CREATE, batch(THREE, attributes=5)),
    ("codec 7", CREATE, batch(THREE, attributes=7)),
    ("unknown attribute bits", CREATE, batch(THREE, attributes=0x4700 + 128, max_ms=MAX5)),
    ("unknown attribute bits and wrong max", CREATE, batch(THREE, attributes=0x4700 + 128, max_ms=1)),
    ("delete horizon bit", CREATE, batch(THREE, attributes=DELETE_HORIZON, max_ms=MAX5)),
    ("delete horizon bit and wrong max", CREATE, batch(THREE, attributes=DELETE_HORIZON, max_ms=1)),
    ("last offset delta -1", CREATE, batch(THREE, last_delta=-1)),
    ("last offset delta too small", CREATE, batch(THREE, last_delta=1)),
    ("last offset delta too large", CREATE, batch(THREE, last_delta=3)),
    ("count 0", CREATE, batch([], last_delta=0, count=0)),
    ("count 0, last offset delta -1", CREATE, batch([], last_delta=-1, count=0)),
    ("codec 5 before count 0", CREATE, batch([], attributes=5, last_delta=-1, count=0)),
    ("length 14", CREATE, batch(THREE, length=14)),
    ("length 15", CREATE, batch(THREE, length=15)),
    ("length 48", CREATE, batch(THREE, length=48)),
    ("count -1", CREATE, batch(THREE, count=-1, last_delta=2)),
    ("control batch", CREATE, batch(THREE, attributes=CONTROL)),
    ("producer id without sequence", CREATE, batch(THREE, pid=5, epoch=0, sequence=-1)),
    ("producer id without epoch", CREATE, batch(THREE, pid=5, epoch=-1, sequence=0, max_ms=MAX5)),
    ("producer id", CREATE, batch(THREE, pid=5, epoch=0, sequence=0, max_ms=MAX5)),
    ("negative producer id", CREATE, batch(THREE, pid=-2, epoch=0, sequence=0, max_ms=MAX5)),
    # records
    ("a record too few", CREATE, batch(THREE[:2], count=3)),
    ("a record too few, gzip", CREATE, batch(THREE[:2], GZIP, count=3)),
    ("a record too few, zstd", CREATE, batch(THREE[:2], ZSTD, count=3)),
    ("a record too many", CREATE, batch(THREE, count=2)),
    ("a record too many, gzip", CREATE, batch(THREE, GZIP, count=2)),
    ("a byte behind the records", CREATE, batch(THREE + [b"\0"], count=3)),
    ("length of a record too small", CREATE, batch([record(0, length=5)])),
    ("length of a record too large", CREATE, batch([record(0, length=9)])),
    ("length of a record negative", CREATE, batch([record(0, length=-1)])),
    ("length of a record negative, gzip", CREATE, batch([record(0, length=-1)], GZIP)),
    ("length of a record too large, gzip", CREATE, batch([record(0, length=90)], GZIP)),
    ("length is a varint too long", CREATE, batch([b"\xff\xff\xff\xff\xff\xff\xff" + record(0)])),
    ("length is a varint too long, gzip", CREATE, batch([b"\xff\xff\xff\xff\xff\xff\xff" + record(0)], GZIP)),
    ("bytes behind the headers", CREATE, batch([record(0, tail=b"xyz")])),
    ("negative header count", CREATE, batch([record(0, raw_headers=varint(-1))])),
    ("negative header count, gzip", CREATE, batch([record(0, raw_headers=varint(-1))], GZIP)),
    ("header count too large", CREATE, batch([record(0, raw_headers=varint(1000))])),
    ("header without key", CREATE, batch([record(0, raw_headers=varint(1) + sized(None) + sized(b"v"))])),
    ("header without key, gzip", CREATE, batch([record(0, raw_headers=varint(1) + sized(None) + sized(b"v"))], GZIP)),
    ("headers twice and without value", CREATE, batch([record(0, headers=[(b"a", b"1"), (b"a", None), (b"", b"")])])),
    ("headers, gzip", CREATE, batch([record(0, headers=[(b"a", b"1"), (b"a", None), (b"", b"")])], GZIP)),
    ("header name is no UTF-8", CREATE, batch([record(0, headers=[(b"\xff\xfe", b"1")])])),
    ("key size -2", CREATE, batch([varint(7) + b"\0\0\0" + varint(-2) + varint(1) + b"v" + b"\0"])),
    ("record attributes", CREATE, batch([varint(8) + b"\x07\0\0" + sized(b"k") + sized(b"v") + b"\0"])),
    ("inner offsets wrong", CREATE, batch([record(3), record(7)])),
    ("inner offsets wrong, gzip", CREATE, batch([record(3), record(7)], GZIP)),
    ("length covers the next record, gzip", CREATE, batch([record(0, length=17), record(1)], GZIP)),
    ("key size of six bytes", CREATE, batch([varint(12) + b"\0\0\0" + b"\x82\x80\x80\x80\x80\0k" + sized(b"v") + b"\0"])),
    ("key size of six bytes, gzip", CREATE,
     batch([varint(12) + b"\0\0\0" + b"\x82\x80\x80\x80\x80\0k" + sized(b"v") + b"\0"], GZIP)),
    ("key size above 32 bits", CREATE, batch([varint(11) + b"\0\0\0" + b"\x82\x80\x80\x80\x20k" + sized(b"v") + b"\0"])),
    ("inner offsets equal", CREATE, batch([record(0), record(0)])),
    ("decompressed record at the bound", BOUNDED, batch([record(0, value=b"x" * 92)], GZIP)),
    ("decompressed record above the bound", BOUNDED, batch([record(0, value=b"x" * 93)], GZIP)),
    ("bound does not matter without codec", BOUNDED, batch([LONG])),
    # compressed data
    ("gzip that is none", CREATE, batch(THREE, GZIP, packed=b"this is no gzip")),
    ("gzip that is cut", CREATE, batch(THREE, GZIP, packed=gzip(b"".join(THREE))[:-9])),
    ("gzip with wrong checksum", CREATE, batch(THREE, GZIP, packed=gzip(b"".join(THREE))[:-8] + bytes(8))),
    ("gzip, text behind", CREATE, batch(THREE, GZIP, packed=gzip(b"".join(THREE)) + b"text", max_ms=MAX5)),
    ("gzip, much text behind", CREATE, batch(THREE, GZIP, packed=gzip(b"".join(THREE)) + b"text" * 10, max_ms=MAX5)),
    ("gzip, two members", CREATE, batch(THREE, GZIP, packed=gzip(THREE[0]) + gzip(THREE[1] + THREE[2]), max_ms=MAX5)),
    ("no compressed data, gzip", CREATE, batch(THREE, GZIP, packed=b"")),
    ("no compressed data, snappy", CREATE, batch(THREE, SNAPPY, packed=b"")),
    ("no compressed data, lz4", CREATE, batch(THREE, LZ4, packed=b"")),
    ("no compressed data, zstd", CREATE, batch(THREE, ZSTD, packed=b"")),
    ("snappy without header", CREATE, batch(THREE, SNAPPY, packed=snappy_raw(b"".join(THREE)), max_ms=MAX5)),
    ("snappy, two blocks", CREATE, batch(THREE, SNAPPY, packed=snappy(THREE[0]) + snappy(THREE[1] + THREE[2])[16:], max_ms=MAX5)),
    ("snappy, header again", CREATE, batch(THREE, SNAPPY, packed=snappy(THREE[0]) + snappy(THREE[1] + THREE[2]), max_ms=MAX5)),
    ("snappy, three bytes behind", CREATE, batch(THREE, SNAPPY, packed=snappy(b"".join(THREE)) + b"abc", max_ms=MAX5)),
    ("snappy, four bytes behind", CREATE, batch(THREE, SNAPPY, packed=snappy(b"".join(THREE)) + b"\0\0\0\4", max_ms=MAX5)),
    ("snappy, negative block size", CREATE, batch(THREE, SNAPPY, packed=SNAPPY_HEAD + b"\xff\xff\xff\xff" + b"x" * 40)),
    ("snappy, header only", CREATE, batch(THREE, SNAPPY, packed=SNAPPY_HEAD)),
    ("lz4, dependent blocks", CREATE,
     batch(THREE, LZ4, packed=b"\x04\x22\x4d\x18\x40\x40\xc0" + lz4(b"".join(THREE))[7:])),
    ("lz4, no end mark", CREATE, batch(THREE, LZ4, packed=lz4(b"".join(THREE))[:-4])),
    ("lz4, text behind", CREATE, batch(THREE, LZ4, packed=lz4(b"".join(THREE)) + b"text", max_ms=MAX5)),
    ("lz4, two frames", CREATE, batch(THREE, LZ4, packed=lz4(THREE[0]) + lz4(THREE[1] + THREE[2]), max_ms=MAX5)),
    ("lz4, wrong header checksum", CREATE, batch(THREE, LZ4, packed=b"\x04\x22\x4d\x18\x60\x40\x83" + lz4(b"".join(THREE))[7:])),
    ("zstd, two frames", CREATE, batch(THREE, ZSTD, packed=zstd(THREE[0]) + zstd(THREE[1] + THREE[2]), max_ms=MAX5)),
    ("zstd, skippable frame behind", CREATE,
     batch(THREE, ZSTD, packed=zstd(b"".join(THREE)) + b"\x50\x2a\x4d\x18\3\0\0\0xyz", max_ms=MAX5)),
    ("zstd, text behind", CREATE, batch(THREE, ZSTD, packed=zstd(b"".join(THREE)) + b"text")),
    ("zstd that is cut", CREATE, batch(THREE, ZSTD, packed=zstd(b"".join(THREE))[:-3])),
    ("zstd, window of 256 MiB", CREATE,
     batch(THREE, ZSTD, packed=b"\x28\xb5\x2f\xfd\0\x90" + zstd(b"".join(THREE))[6:])),
    ("zstd, window of 128 MiB", CREATE,
     batch(THREE, ZSTD, packed=b"\x28\xb5\x2f\xfd\0\x88" + zstd(b"".join(THREE))[6:], max_ms=MAX5)),
    ("zstd, only a skippable frame", CREATE, batch(THREE, ZSTD, packed=b"\x50\x2a\x4d\x18\3\0\0\0xyz")),
    ("lz4, content size that is wrong", CREATE, packed_lz4(flags=0x68, content_size=struct.pack("<Q", 1 << 40))),
    ("lz4, content checksum that is wrong", CREATE, packed_lz4(flags=0x64, content_sum=b"abcd")),
    ("lz4, no content checksum", CREATE, packed_lz4(flags=0x64)),
    ("lz4, block checksum", CREATE, packed_lz4(flags=0x70, block_sum=0)),
    ("lz4, block checksum that is wrong", CREATE, packed_lz4(flags=0x70, block_sum=1)),
    ("lz4, blocks of 4 MiB", CREATE, packed_lz4(block=0x70)),
    ("lz4, block size 3", CREATE, packed_lz4(block=0x30)),
    ("lz4, reserved bits of the block size", CREATE, packed_lz4(block=0x41)),
    ("lz4, high bit of the block size", CREATE, packed_lz4(block=0xC0)),
    ("lz4, dictionary id", CREATE, packed_lz4(flags=0x61)),
    ("lz4, reserved flag", CREATE, packed_lz4(flags=0x62)),
    ("lz4, version 2", CREATE, packed_lz4(flags=0xA0)),
    ("lz4, version 3", CREATE, packed_lz4(flags=0xE0)),
    ("gzip with extra field, name, comment", CREATE,
     batch(THREE, GZIP, max_ms=MAX5, packed=b"\x1f\x8b\x08\x1c" + bytes(6) + b"\2\0xyname\0comment\0" + gzip(b"".join(THREE))[10:])),
    ("gzip with a header checksum that is wrong", CREATE,
     batch(THREE, GZIP, packed=b"\x1f\x8b\x08\x02" + bytes(6) + b"\1\2" + gzip(b"".join(THREE))[10:])),
    ("gzip with another method", CREATE, batch(THREE, GZIP, packed=b"\x1f\x8b\x07" + gzip(b"".join(THREE))[3:])),
    # keys
    ("record without key, compacted", COMPACT, batch(THREE, max_ms=MAX5)),
    ("record without key, compacted, gzip", COMPACT, batch(THREE, GZIP, max_ms=MAX5)),
    ("many records without key, compacted", COMPACT, batch([record(i, key=None) for i in range(5)])),
    ("empty key, compacted", COMPACT, batch([record(0, key=b"")])),
    ("key size -2, compacted", COMPACT, batch([varint(7) + b"\0\0\0" + varint(-2) + varint(1) + b"v" + b"\0"])),
    ("damage behind a bad record", COMPACT, batch([record(0, key=None), record(1, length=90)])),
    # timestamps
    ("wrong max timestamp", CREATE, batch(THREE, max_ms=NOW + 99)),
    ("wrong max timestamp, gzip", CREATE, batch(THREE, GZIP, max_ms=NOW + 99)),
    ("no timestamps", CREATE, batch([record(0), record(1)], base_ms=-1, max_ms=-1)),
    ("timestamp -2", CREATE, batch([record(0)], base_ms=-2, max_ms=-2)),
    ("timestamp two hours ahead", CREATE, batch([record(0), record(1, 2 * HOUR), record(2)])),
    ("timestamp two hours ahead, gzip", CREATE, batch([record(0), record(1, 2 * HOUR), record(2)], GZIP)),
    ("timestamp old", CREATE, batch([record(0)], base_ms=1000, max_ms=1000)),
    ("timestamps outside a narrow window", NARROW,
     batch([record(0, -2 * HOUR), record(1), record(2, 2 * HOUR), record(3, -HOUR // 2)])),
    ("no timestamp in a narrow window", NARROW, batch([record(0)], base_ms=-1, max_ms=-1)),
    ("bad key and bad timestamp", {**COMPACT, **NARROW},
     batch([record(0, key=None), record(1, 2 * HOUR), record(2, 2 * HOUR, key=None), record(3)])),
    ("log-append bit", CREATE, batch(THREE, attributes=LOG_APPEND, max_ms=NOW + 7)),
    ("log-append bit, gzip", CREATE, batch(THREE, GZIP, attributes=LOG_APPEND, max_ms=NOW + 7)),
    ("log-append bit, no max timestamp", CREATE, batch(THREE, attributes=LOG_APPEND, max_ms=-1)),
    ("log-append bit, far ahead", CREATE, batch(THREE, attributes=LOG_APPEND, max_ms=NOW + 2 * HOUR)),
    ("log-append topic", APPEND, batch(THREE, max_ms=MAX5)),
    ("log-append topic, gzip", APPEND, batch(THREE, GZIP, max_ms=MAX5)),
    ("log-append topic, far ahead", APPEND, batch([record(0, 9 * HOUR)])),
    ("log-append topic and bit", APPEND, batch(THREE, attributes=LOG_APPEND, max_ms=MAX5)),
    ("extreme timestamps", CREATE, batch([record(0, 0), record(1, 2**62)], base_ms=2**62, max_ms=2**63 - 1)),
    # recompression
    ("none to gzip", to("gzip"), batch(THREE, max_ms=MAX5)),
    ("none to snappy", to("snappy"), batch(THREE, max_ms=MAX5)),
    ("none to lz4", to("lz4"), batch(THREE, max_ms=MAX5)),
    ("none to zstd", to("zstd"), batch(THREE, max_ms=MAX5)),
    ("gzip to zstd", to("zstd"), batch(THREE, GZIP, max_ms=MAX5)),
    ("gzip to gzip", to("gzip"), batch(THREE, GZIP, max_ms=MAX5)),
    ("gzip to none", to("uncompressed"), batch(THREE, GZIP, max_ms=MAX5)),
    ("zstd to none", to("uncompressed"), batch(THREE, ZSTD, max_ms=MAX5)),
    ("none to none", to("uncompressed"), batch(THREE, max_ms=MAX5)),
    ("zstd to gzip before version 7", to("gzip"), batch(THREE, ZSTD, max_ms=MAX5), 6),
    ("inner offsets wrong, none to gzip", to("gzip"), batch([record(3), record(7)])),
    ("inner offsets wrong, gzip to none", to("uncompressed"), batch([record(3), record(7)], GZIP)),
    ("base timestamp elsewhere, gzip to none", to("uncompressed"),
     batch([record(0, 10), record(1, 4)], GZIP, base_ms=NOW - 10, max_ms=1)),
    ("log-append topic, gzip to none", to("uncompressed", message_timestamp_type="LogAppendTime"),
     batch(THREE, GZIP, max_ms=MAX5)),
    ("log-append bit, gzip to none", to("uncompressed"), batch(THREE, GZIP, attributes=LOG_APPEND, max_ms=NOW + 7)),
    ("producer id, gzip to none", to("uncompressed"), batch(THREE, GZIP, pid=5, epoch=1, sequence=9, max_ms=MAX5)),
    ("producer id without epoch, gzip to none", to("uncompressed"),
     batch(THREE, GZIP, pid=5, epoch=-1, sequence=9, max_ms=MAX5)),
    ("attribute bits, gzip to none", to("uncompressed"),
     batch(THREE, GZIP, attributes=DELETE_HORIZON + 0x4700, max_ms=MAX5)),
    ("timestamp -2, gzip to none", to("uncompressed"), batch([record(0)], GZIP, base_ms=-2, max_ms=-2)),
    ("too large once uncompressed", to("uncompressed", max_message_bytes="200"), batch([LONG], GZIP)),
    ("null key, recompressed, compacted", to("gzip", cleanup_policy="compact"), batch(THREE, max_ms=MAX5)),
    ("headers, gzip to none", to("uncompressed"), batch([record(0, headers=[(b"a", b"1"), (b"a", None), (b"", b"")])], GZIP)),
    ("header name is no UTF-8, gzip to none", to("uncompressed"), batch([record(0, headers=[(b"\xff\xfe", b"1")])], GZIP)),
    ("record attributes, gzip to none", to("uncompressed"),
     batch([varint(8) + b"\x07\0\0" + sized(b"k") + sized(b"v") + b"\0"], GZIP)),
]

# ---- the broker --------------------------------------------------------------------------------------------------------


def string(text):
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0]

    def raw(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def string(self):
        size = self.take("h")
        return None if size < 0 else self.raw(size).decode()


class Broker:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)

    def ask(self, key, version, body):
        request = struct.pack(">hhi", key, version, 1) + string("recorder") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", self.read(4))[0]
        reader = Reader(self.read(size))
        reader.take("i")
        return reader

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError("the broker closed the connection")
            data += piece
        return data

    def create_topic(self, name, configs):
        body = struct.pack(">i", 1) + string(name) + struct.pack(">ihii", 1, 1, 0, len(configs))
        body += b"".join(string(key) + string(value) for key, value in configs.items())
        reader = self.ask(19, 4, body + struct.pack(">ib", 60000, 0))
        reader.take("i"), reader.take("i"), reader.string()
        code, message = reader.take("h"), reader.string()
        if code != 0:
            raise RuntimeError(f"{name}: {code} {message}")

    def produce(self, topic, version, records):
        body = string(None) + struct.pack(">hii", -1, 30000, 1) + string(topic)
        reader = self.ask(0, version, body + struct.pack(">iii", 1, 0, len(records)) + records)
        reader.take("i"), reader.string(), reader.take("i"), reader.take("i")
        code, _, append_ms, _ = reader.take("h"), reader.take("q"), reader.take("q"), reader.take("q")
        indexes, message = [], None
        if version >= 8:
            for _ in range(reader.take("i")):
                indexes.append(reader.take("i"))
                reader.string()
            message = reader.string()
        return code, indexes, message, append_ms

    def fetch(self, topic):
        body = struct.pack(">iiiibi", -1, 100, 0, 1 << 20, 0, 1) + string(topic) + struct.pack(">iiqi", 1, 0, 0, 1 << 20)
        reader = self.ask(1, 4, body)
        reader.take("i"), reader.take("i"), reader.string(), reader.take("i"), reader.take("i")
        code = reader.take("h")
        if code != 0:
            raise RuntimeError(f"{topic}: fetch answered {code}")
        reader.take("q"), reader.take("q")
        for _ in range(max(0, reader.take("i"))):
            reader.take("qq")
        return reader.raw(reader.take("i"))


def main():
    broker = Broker(sys.argv[1])
    print("# Recorded from Apache Kafka 4.4.0 by record_produce.py, which describes the format.")
    for number, (name, configs, records, *version) in enumerate(CASES):
        version = version[0] if version else 8
        topic = f"case-{NOW}-{number}"
        broker.create_topic(topic, configs)
        deadline = time.monotonic() + 30
        while True:  # a new topic may not be known yet
            code, indexes, message, append_ms = broker.produce(topic, version, records)
            if code not in (3, 5, 6) or time.monotonic() > deadline:
                break
        print(f"\ncase {name}")
        if configs:
            print("rules " + " ".join(f"{key}={value}" for key, value in configs.items()))
        print(f"version {version}")
        print(f"now {append_ms if append_ms >= 0 else NOW}")
        print(f"batch {records.hex() or '-'}")
        print(f"answer {code} {','.join(map(str, indexes)) or '-'}")
        if message:
            print(f"message {message}")
        if code == 0:
            stored = broker.fetch(topic)
            print(f"stored {(stored[:12] + bytes(4) + stored[16:]).hex()}")


main()

"""Lists tar archives as Python's tarfile reads them: archives on stdin, each after its length in
four bytes, big-endian; one line of JSON on stdout for each."""

import base64
import io
import json
import struct
import sys
import tarfile


def text(value):
    return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()


def entry(tar, member):
    sparse = member.sparse is not None
    read = member.isreg() and (not sparse or member.size < 1 << 22)
    listed = {
        "name": text(member.name),
        "link": text(member.linkname),
        "type": member.type[0],
        "size": member.size,
        "mode": member.mode,
        "uid": member.uid,
        "gid": member.gid,
        "mtime": int(member.mtime // 1),
        "filled": 0,
        "read": read,
    }
    if read:
        content = tar.extractfile(member).read()
        listed["filled"] = len(content) - content.count(0)
    return listed


def listing(archive):
    entries = []
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:", encoding="utf-8") as tar:
            for member in tar:
                entries.append(entry(tar, member))
    except Exception as error:  # Its own and those that it lets pass.
        return {"entries": entries, "error": f"{type(error).__name__}: {error}"}
    return {"entries": entries, "error": ""}


def main():
    while length := sys.stdin.buffer.read(4):
        archive = sys.stdin.buffer.read(struct.unpack(">I", length)[0])
        print(json.dumps(listing(archive)), flush=True)


main()

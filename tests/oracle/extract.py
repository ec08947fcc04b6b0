#!/usr/bin/env python3
"""Extracts an image on paper: what its layers hold, what the merged filesystem shows, what it hides.

    extract.py LAYOUT TAG [--without PATH]...

Reads an OCI layout with Python's own `tarfile` and applies the layers as the image spec's layer.md
says. It is the other opinion on what `regsize files` and `regsize analyze` print, so it shares
nothing with them: no code, no order of steps, no data structure. Slow and plain on purpose.

It prints JSON. Paths and targets of links are bytes, written as text in which everything but
printable ASCII, and the backslash, is `\\xNN`. `--without` leaves a path out of all layers, for
entries that only the tar has.

Rules: paths are compared byte for byte after `.`, `..` and empty parts are gone; links in paths are
not followed. Whiteouts and opaque markers hide what lower layers have, wherever they stand in their
own. An entry replaces what is at its path, a directory over a directory only its attributes. What
is not a directory but has something stored below it becomes a directory. A file's bytes live while
one of its names does.
"""

import argparse
import gzip
import hashlib
import io
import json
import math
import os
import subprocess
import sys
import tarfile
from decimal import Decimal, InvalidOperation

MARKER = b".wh."
KINDS = {
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "character",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}


def text(path):
    """Bytes as text that loses nothing."""
    plain = lambda byte: 0x20 <= byte < 0x7F and byte != 0x5C
    return "".join(chr(byte) if plain(byte) else "\\x%02x" % byte for byte in path)


def parts(name):
    """The components of a name, from the root."""
    found = []
    for part in name.split(b"/"):
        if part == b"..":
            del found[-1:]
        elif part not in (b"", b"."):
            found.append(part)
    return tuple(found)


# Layers: from a blob to entries


def blob(layout, descriptor):
    """The bytes of a blob, which are those that its digest says."""
    algorithm, _, digest = descriptor["digest"].partition(":")
    with open(os.path.join(layout, "blobs", algorithm, digest), "rb") as file:
        data = file.read()
    assert hashlib.new(algorithm, data).hexdigest() == digest, descriptor
    assert len(data) == descriptor["size"], descriptor
    return data


def decompress(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    # A frame, or one that decoders skip.
    if data[:4] == b"\x28\xb5\x2f\xfd" or (data[:3] and data[1:4] == b"\x2a\x4d\x18"):
        command = ["zstd", "-dc", "--long=31"]
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def seconds(info):
    """The time in whole seconds, without the rounding of a float."""
    try:
        return math.floor(Decimal(info.pax_headers["mtime"]))
    except (KeyError, InvalidOperation):
        return math.floor(info.mtime)


def as_bytes(name):
    return name.encode("utf-8", "surrogateescape")


def entry(archive, info):
    """One entry as its header says."""
    kind = KINDS.get(info.type, "file")
    found = {
        "parts": parts(as_bytes(info.name)),
        "kind": kind,
        "size": info.size if kind == "file" else 0,
        "mode": info.mode & 0o7777,
        "uid": info.uid,
        "gid": info.gid,
        "mtime": seconds(info),
        "target": None,
        "sha256": None,
    }
    if kind == "hardlink":
        found["target"] = b"/".join(parts(as_bytes(info.linkname)))
    elif kind == "symlink":
        found["target"] = as_bytes(info.linkname)
    elif kind == "file":
        found["sha256"] = hashlib.sha256(archive.extractfile(info).read()).hexdigest()
    return mark(found)


def mark(found):
    """Gives whiteouts and the like their kinds; the path becomes the one that they are about."""
    if found["kind"] == "directory" or not found["parts"]:
        return found
    above, last = found["parts"][:-1], found["parts"][-1]
    if last == b".wh..wh..opq":
        found.update(kind="opaque", parts=above)
    elif last.startswith(b".wh..wh.") or last in (b".wh.", b".wh..", b".wh..."):
        found.update(kind="reserved")
    elif last.startswith(MARKER):
        found.update(kind="whiteout", parts=above + (last[len(MARKER) :],))
    return found


def entries(tar, without):
    """All entries of a tar stream in its order."""
    options = {"encoding": "utf-8", "errors": "surrogateescape"}
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:", **options) as archive:
        found = [entry(archive, info) for info in archive]
    return [one for one in found if one["parts"] not in without]


# Merging: a tree of nodes, changed layer by layer


class Node:
    """Something at a path. Directories that no layer lists have no record."""

    def __init__(self, kind="directory"):
        self.kind = kind
        self.record = None  # the entry that is shown
        self.records = []  # it and, of a directory, those whose attributes it replaced
        self.content = None  # the content that a file or a hard link to it shares
        self.children = {}


class Content:
    """A file's bytes, which live while one of its names does."""

    def __init__(self, record):
        self.record = record
        self.names = 1


class Image:
    def __init__(self):
        self.root = Node()

    def find(self, path):
        node = self.root
        for part in path:
            node = node.children.get(part)
            if node is None:
                return None
        return node

    def apply(self, layer):
        """Applies one layer's records: first what it hides, then what it adds."""
        self.deleted = {}
        self.number = layer[0]["layer"] if layer else None
        self.hide(layer, "whiteout", lambda path, node: {path: node} if path else {})
        below = lambda path, node: {path + (name,): n for name, n in node.children.items()}
        self.hide(layer, "opaque", below)
        for record in layer:
            if record["kind"] in ("whiteout", "opaque", "reserved"):
                self.bury_record(record, "marker")
            else:
                self.add(record)

    def hide(self, layer, kind, hidden_by):
        how = {"whiteout": "whiteout", "opaque": "opaque-dir"}[kind]
        for record in layer:
            node = self.find(record["parts"]) if record["kind"] == kind else None
            for path, hidden in (hidden_by(record["parts"], node) if node else {}).items():
                del self.find(path[:-1]).children[path[-1]]
                self.remember(path, hidden)
                self.bury(hidden, how)

    def remember(self, path, node):
        """Keeps what this layer deletes: if it stores the path too, that was a replacement."""
        self.deleted[path] = node
        for name, child in node.children.items():
            self.remember(path + (name,), child)

    def add(self, record):
        path = record["parts"]
        node = Node(record["kind"])
        node.record, node.records = record, [record]
        if record["kind"] == "file":
            node.content = Content(record)
        elif record["kind"] == "hardlink":
            target = self.find(parts(record["target"]))
            if target is not None and target.content is not None:
                node.content = target.content
                node.content.names += 1
        if not path:
            self.add_root(record, node)
            return
        directory = self.directory(path[:-1])
        old = directory.children.get(path[-1])
        if old is None:
            self.replaces_deleted(path, node)
        elif old.kind == node.kind == "directory":
            node.children, node.records = old.children, old.records + [record]
        else:
            for child in old.children.values():
                self.bury(child, "ancestor-replaced")
            old.children = {}
            self.bury(old, self.how(old, node))
        directory.children[path[-1]] = node

    def add_root(self, record, node):
        if record["kind"] == "directory":
            node.children, node.records = self.root.children, self.root.records + [record]
            self.root = node
        else:
            self.bury_record(record, "marker")

    def directory(self, path):
        """The directory at a path, made where there is none."""
        node = self.root
        for depth, name in enumerate(path):
            child = node.children.get(name)
            if child is None or child.kind != "directory":
                made = node.children[name] = Node()
                if child is None:
                    self.replaces_deleted(path[: depth + 1], made)
                else:
                    self.bury(child, self.how(child, made))
                child = made
            node = child
        return node

    def replaces_deleted(self, path, node):
        """Something that this layer deleted is stored by it again: it was replaced."""
        old = self.deleted.pop(path, None)
        if old is None or old.record is None:
            return
        if not (old.kind == node.kind == "directory"):
            for record in old.records:
                record["how"] = self.how(old, node)

    def how(self, old, new):
        """What it is called that `new` takes the place of `old`."""
        if old.record is not None and old.record["layer"] == self.number:
            return "repeated"
        if old.content is not None and new.content is not None:
            same = old.content.record["sha256"] == new.content.record["sha256"]
        elif old.kind != new.kind:
            return "type-change"
        elif old.kind == "symlink":
            same = old.record["target"] == new.record["target"]
        else:
            return "overwrite"
        return "overwrite-same" if same else "overwrite-changed"

    def bury(self, node, how):
        """Hides a node and all below it."""
        for record in node.records:
            self.bury_record(record, how)
        if node.content is not None:
            node.content.names -= 1
            if node.content.names == 0:
                node.content.record.update(lost_in=self.number, last_name=node.record)
        for child in node.children.values():
            self.bury(child, how)

    def bury_record(self, record, how):
        record["hidden_in"], record["how"] = self.number, how
        if record["kind"] not in ("file", "hardlink"):
            record["lost_in"] = self.number

    def tree(self):
        """What is visible, by the bytes of the paths."""
        found = []

        def visit(path, node):
            layer = node.record["layer"] if node.record else None
            found.append({"parts": path, "kind": node.kind, "layer": layer, "content": node.content})
            for name in sorted(node.children):
                visit(path + (name,), node.children[name])

        visit((), self.root)
        return sorted(found, key=lambda row: row["parts"])


# The report


def sums(records):
    files = [record for record in records if record["kind"] == "file"]
    return {"files": len(files), "bytes": sum(record["size"] for record in records)}


def tree_rows(tree):
    """The rows of the tree. A file's bytes stand at its own name while that is visible, else at
    the first of the others."""
    holders = {}
    for row in tree:
        if row["content"] is not None:
            content = row["content"]
            known = holders.setdefault(id(content), row)
            if row["kind"] == "file" and known["kind"] != "file":
                holders[id(content)] = row
    for row in tree:
        content = row["content"]
        holds = content is not None and holders[id(content)] is row
        yield {
            "path": text(b"/".join(row["parts"])),
            "kind": row["kind"],
            "layer": row["layer"],
            "size": content.record["size"] if holds else 0,
            "files": 1 if holds else 0,
        }


def layer_row(record):
    row = {key: record[key] for key in ("kind", "size", "mode", "uid", "gid", "mtime", "sha256")}
    row["path"] = text(b"/".join(record["parts"]))
    row["target"] = None if record["target"] is None else text(record["target"])
    row["hidden_in"], row["how"] = record["hidden_in"], record["how"]
    if record["kind"] == "file" and row["hidden_in"] != record["lost_in"]:
        # Other names outlived its own.
        last = record["last_name"] or {"how": None}
        row["hidden_in"], row["how"] = record["lost_in"], last["how"]
    return row


def waste(records):
    """Lost bytes by the layers that wrote and hid them."""
    pairs = {}
    for record in records:
        pairs.setdefault((record["layer"], record["lost_in"]), []).append(record)
    rows = [dict(sums(lost), written_in=a, hidden_in=b) for (a, b), lost in sorted(pairs.items())]
    return [row for row in rows if row["bytes"] > 0]


def manifest_of(layout, tag):
    with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
        listed = json.load(file)["manifests"]
    named = "org.opencontainers.image.ref.name"
    (found,) = [one for one in listed if one.get("annotations", {}).get(named) == tag]
    return json.loads(blob(layout, found))


def is_told_by(tar, diff_id):
    """Whether a config's digest is that of the stream, or of it with the zeros at the end that
    skopeo 1.9 leaves out of zstd:chunked layers."""
    digest = lambda zeros: "sha256:" + hashlib.sha256(tar + bytes(zeros)).hexdigest()
    return any(digest(512 * blocks) == diff_id for blocks in range(21))


def read_layers(layout, manifest, without):
    diff_ids = json.loads(blob(layout, manifest["config"]))["rootfs"]["diff_ids"]
    assert len(diff_ids) == len(manifest["layers"]), "as many diff_ids as layers"
    for number, (descriptor, diff_id) in enumerate(zip(manifest["layers"], diff_ids)):
        tar = decompress(blob(layout, descriptor))
        assert is_told_by(tar, diff_id), descriptor
        records = entries(tar, without)
        for record in records:
            record.update(layer=number, hidden_in=None, lost_in=None, how=None, last_name=None)
        yield descriptor, len(tar), records


def report(layout, tag, without):
    image, layers, everything = Image(), [], []
    for descriptor, length, records in read_layers(layout, manifest_of(layout, tag), without):
        image.apply(records)
        everything.extend(records)
        layers.append((descriptor, length, records))
    lost = [record for record in everything if record["lost_in"] is not None]
    kept = [record for record in everything if record["lost_in"] is None]
    return {
        "layers": [
            {
                "digest": descriptor["digest"],
                "compressed": descriptor["size"],
                "uncompressed": length,
                "content": sum(record["size"] for record in records),
                "files": sum(record["kind"] == "file" for record in records),
                "shadowed": sums([record for record in records if record["lost_in"] is not None]),
                "entries": [layer_row(record) for record in records],
            }
            for descriptor, length, records in layers
        ],
        "tree": list(tree_rows(image.tree())),
        "content": sum(record["size"] for record in everything),
        "visible": sums(kept),
        "shadowed": sums(lost),
        "waste": waste(lost),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("layout")
    parser.add_argument("tag")
    parser.add_argument("--without", action="append", default=[], metavar="PATH")
    arguments = parser.parse_args()
    without = [parts(os.fsencode(path)) for path in arguments.without]
    json.dump(report(arguments.layout, arguments.tag, without), sys.stdout)


if __name__ == "__main__":
    main()

"""Writes the fixtures that no current writer makes, and the listing of each blob.

Older footers are patched; the ztocs are written after ztoc.fbs, with checkpoints that zlib finds.
"""

import ctypes, glob, gzip, hashlib, io, json, os, struct, subprocess, sys, tarfile, zlib
from datetime import datetime, timezone

NEW, OLD = "io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."
FORMS = {
    tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "character", tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
TYPES = {
    tarfile.REGTYPE: "reg", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}


def save(name, blob, annotations):
    with open(name + ".blob", "wb") as out:
        out.write(blob)
    with open(name + ".annotations.json", "w") as out:
        json.dump(annotations, out, indent=2)
        out.write("\n")


def load(name):
    return open(name + ".blob", "rb").read(), json.load(open(name + ".annotations.json"))


def listing(tar_bytes):
    with tarfile.open(fileobj=io.BytesIO(tar_bytes)) as tar:
        for member in tar:
            if member.name == "stargz.index.json":
                continue
            digest = link = None
            if member.isreg():
                digest = hashlib.sha256(tar.extractfile(member).read()).hexdigest()[:32]
            if member.issym() or member.islnk():
                link = member.linkname
            yield [member.name, FORMS[member.type], member.size if member.isreg() else 0,
                   member.mode, member.uid, member.gid, int(member.mtime // 1), link, digest]


class Builder:
    """A FlatBuffer, written front to back: tables first, what they refer to after them."""

    def __init__(self):
        self.bytes, self.waiting = bytearray(4), []

    def patch(self, at, target):
        struct.pack_into("<I", self.bytes, at, target - at)

    def align(self, to):
        self.bytes += bytes(-len(self.bytes) % to)

    def table(self, fields):
        """Fields are (format, number), ("ref", function) or None."""
        offsets, body = [], bytearray(4)
        for field in fields:
            if field is None:
                offsets.append(0)
                continue
            form = "I" if field[0] == "ref" else field[0]
            body += bytes(-len(body) % struct.calcsize(form))
            offsets.append(len(body))
            body += struct.pack("<" + form, 0 if field[0] == "ref" else field[1])
        self.align(8)
        vtable = len(self.bytes)
        self.bytes += struct.pack("<HH%dH" % len(offsets), 4 + 2 * len(offsets), len(body), *offsets)
        self.align(8)
        at = len(self.bytes)
        struct.pack_into("<i", body, 0, at - vtable)
        self.bytes += body
        for offset, field in zip(offsets, fields):
            if field and field[0] == "ref":
                self.patch(at + offset, field[1]())
        return at

    def text(self, value):
        self.align(4)
        at = len(self.bytes)
        self.bytes += struct.pack("<I", len(value)) + value + b"\0"
        return at

    def vector(self, makers):
        self.align(4)
        at = len(self.bytes)
        self.bytes += struct.pack("<I", len(makers)) + bytes(4 * len(makers))
        for index, make in enumerate(makers):
            self.patch(at + 4 + 4 * index, make())
        return at


def ztoc(blob, tar_bytes, checkpoints, spans, algorithm=1):
    builder = Builder()

    def text(value):
        value = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        return ("ref", lambda: builder.text(value))

    def file(member):
        time = datetime.fromtimestamp(member.mtime, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        records = [lambda key=key, value=value: builder.table([text(key), text(value)])
                   for key, value in sorted(member.pax_headers.items())]
        return lambda: builder.table([
            text(member.name + ("/" if member.isdir() else "")), text(TYPES[member.type]),
            ("q", member.offset_data), ("q", member.size), text(member.linkname),
            ("q", member.mode), ("I", member.uid), ("I", member.gid), text(""), text(""),
            text(time), ("q", member.devmajor), ("q", member.devminor),
            ("ref", lambda: builder.vector(records)),
        ])

    with tarfile.open(fileobj=io.BytesIO(tar_bytes)) as tar:
        members = tar.getmembers()
    end = members[-1].offset_data + (members[-1].size + 511) // 512 * 512 + 1024
    root = builder.table([
        text("0.9"), text("fixture"), ("q", len(blob)), ("q", end),
        ("ref", lambda: builder.table([("ref", lambda: builder.vector([file(m) for m in members]))])),
        ("ref", lambda: builder.table([
            None if algorithm == 1 else ("b", algorithm), ("i", spans - 1),
            ("ref", lambda: builder.vector([])), text(checkpoints)])),
    ])
    builder.patch(0, root)
    return bytes(builder.bytes)


class Stream(ctypes.Structure):
    _fields_ = [
        ("next_in", ctypes.c_void_p), ("avail_in", ctypes.c_uint), ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p), ("avail_out", ctypes.c_uint), ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p), ("state", ctypes.c_void_p), ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p), ("opaque", ctypes.c_void_p), ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong), ("reserved", ctypes.c_ulong)]


def checkpoints(blob, size, span):
    """Places where deflate blocks begin, at least `span` bytes apart: (in, out, bits, window)."""
    libz, stream, block = ctypes.CDLL("libz.so.1"), Stream(), 5
    source, target = ctypes.create_string_buffer(blob, len(blob)), ctypes.create_string_buffer(size)
    stream.next_in, stream.avail_in = ctypes.addressof(source), len(blob)
    stream.next_out, stream.avail_out = ctypes.addressof(target), size
    libz.inflateInit2_(ctypes.byref(stream), 47, b"1.2.11", ctypes.sizeof(stream))
    found = []
    while libz.inflate(ctypes.byref(stream), block) == 0:
        boundary = stream.data_type & 128 and not stream.data_type & 64
        if boundary and (not found or stream.total_out - found[-1][1] >= span):
            window = target.raw[max(0, stream.total_out - 32768):stream.total_out]
            found.append((stream.total_in, stream.total_out, stream.data_type & 7,
                          window.rjust(32768, b"\0")))
    return found


def packed(span, records, implied):
    kept = records[1:] if implied else records
    return struct.pack("<iq", len(records), span) + b"".join(
        struct.pack("<qqB", *record[:3]) + record[3] for record in kept)


def patched():
    blob, annotations = load("estargz-lossless")
    extra = b"\x16\0" + blob[-51:][16:38]
    save("stargz-legacy", blob[:-51] + blob[-51:-41] + extra + blob[-13:], annotations)
    blob, new = load("zstd-gen2")
    payload = blob[-64:]
    toc, packed_size, size = (int(n) for n in new[NEW + "manifest-position"].split(":")[:3])
    middle = blob[:toc + packed_size]
    footer = struct.pack("<QQQQ", toc, packed_size, size, 1)
    assert footer == payload[:32]
    old = {OLD + key[len(NEW):]: value for key, value in new.items() if "manifest" in key}
    save("zstd-gen1", middle + b"\x50\x2a\x4d\x18" + struct.pack("<I", 40) + footer + b"GnUlInUx", old)
    save("zstd-broken", blob[:-72] + b"\x50\x2a\x4d\x18" + struct.pack("<I", 56) + footer
         + b"GnUlInUx" + bytes(16), new)


def soci(tar_bytes):
    # Little memory makes short blocks, so that there are several spans.
    packer, span = zlib.compressobj(6, zlib.DEFLATED, 31, 5), 40_000
    blob = packer.compress(tar_bytes) + packer.flush()
    records = checkpoints(blob, len(tar_bytes) + 1, span)
    assert len(records) >= 2, records
    save("soci-gzip", blob, {})
    plain = ztoc(tar_bytes, tar_bytes, b"", 1, algorithm=2)
    layers = []
    for name, table, layer in [
        ("soci-gzip.v1", ztoc(blob, tar_bytes, packed(span, records, True), len(records)), blob),
        ("soci-gzip.v2", ztoc(blob, tar_bytes, packed(span, records, False), len(records)), blob),
        ("soci-plain.v2", plain, tar_bytes),
    ]:
        with open(name + ".ztoc.gz", "wb") as out:
            out.write(gzip.compress(table, mtime=0))
        layers.append({
            "mediaType": "application/octet-stream", "size": len(table),
            "digest": "sha256:" + hashlib.sha256(table).hexdigest(),
            "annotations": {
                "com.amazon.soci.image-layer-digest": "sha256:" + hashlib.sha256(layer).hexdigest(),
                "com.amazon.soci.image-layer-mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "com.amazon.soci.span-size": str(span)}})
    prefetch = dict(layers[0], mediaType="application/vnd.amazon.soci.prefetch.v1+json")
    unnamed = dict(layers[0], annotations={})
    for version, extra in ("v1", {"subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
            "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest()}}), ("v2", {}):
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                 "config": {"mediaType": f"application/vnd.amazon.soci.index.{version}+json", "size": 2,
                            "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest()},
                 "layers": [prefetch, unnamed] + layers, **extra}
        with open(f"soci-index.{version}.json", "w") as out:
            json.dump(index, out, indent=1)


def main():
    os.chdir(sys.argv[1])
    tar_bytes = open("layer.tar", "rb").read()
    patched()
    soci(tar_bytes)
    for path in glob.glob("*.blob"):
        name, data = path[:-5], open(path, "rb").read()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            data = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
        with open(name + ".listing.jsonl", "w") as out:
            out.writelines(json.dumps(entry) + "\n" for entry in listing(data))


if __name__ == "__main__":
    main()

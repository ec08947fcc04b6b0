"""Writes the tar of the fixtures."""

import hashlib, io, sys, tarfile


def noise(length, seed):
    blocks = (hashlib.sha256(b"%d %d" % (seed, at)).digest() for at in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def build(out):
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, kind=tarfile.REGTYPE, content=b"", **fields):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mtime, info.mode = kind, len(content), 1700000000, 0o644
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content) if content else None)

        add("etc/", tarfile.DIRTYPE, mode=0o755)
        add("etc/os-release", content=b"ID=test\nVERSION_ID=1\n")
        add("etc/passwd", content=b"root:x:0:0::/root:/bin/sh\n", uid=1, gid=2, mtime=0)
        add("usr/", tarfile.DIRTYPE, mode=0o755)
        add("usr/bin/", tarfile.DIRTYPE, mode=0o1777)
        add("usr/bin/tool", content=noise(20_000, 1), mode=0o4755, uid=1000, gid=100)
        add("usr/bin/alias", tarfile.SYMTYPE, linkname="../bin/tool", mode=0o777)
        add("usr/bin/same", tarfile.LNKTYPE, linkname="usr/bin/tool", mode=0o4755, uid=1000, gid=100)
        add("usr/bin/empty")
        add("usr/share/", tarfile.DIRTYPE)
        add("usr/share/text", content=b"all work and no play\n" * 1500)
        add("usr/share/zeros", content=bytes(9000))
        add("usr/share/caf\u00e9 \x1b[31m\n", content=b"odd name")
        add("usr/share/" + "long/" * 30 + "name", content=b"a name of more than 100 bytes")
        add("usr/share/attributes", content=b"x", pax_headers={"SCHILY.xattr.user.note": "value"})
        add("usr/share/old", content=b"before 1970", mtime=-5)
        add("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
        add("dev/disk", tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o660, gid=6)
        add("run/pipe", tarfile.FIFOTYPE)
        add("var/.wh.gone")
        add("var/lib/", tarfile.DIRTYPE, mode=0o755)
        add("var/lib/.wh..wh..opq")
        add("var/lib/dpkg/status", content=b"Package: a\nStatus: install ok installed\n\n" * 60)


with open(sys.argv[1], "wb") as out:
    build(out)

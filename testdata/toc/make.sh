#!/bin/sh
# Makes the fixtures of this directory anew. Needs Go, Python 3, zstd and zlib.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python3 "$here/make/tar.py" "$here/layer.tar"
(cd "$here/make" && go run . "$here/layer.tar" "$here" 8192)
python3 "$here/make/derive.py" "$here"
rm "$here/layer.tar"

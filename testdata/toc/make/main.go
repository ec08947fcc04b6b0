// Writes one tar as layers with a table of contents: TAR and a directory are the arguments.
// Beside each blob stands NAME.annotations.json with what its descriptor would say.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/estargz/externaltoc"
	"github.com/containerd/stargz-snapshotter/estargz/zstdchunked"
	"github.com/containers/storage/pkg/chunked/compressor"
	"github.com/klauspost/compress/zstd"
)

const (
	tocDigest = "containerd.io/snapshot/stargz/toc.digest"
	unpacked  = "io.containers.estargz.uncompressed-size"
)

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	tar, directory := must(os.ReadFile(os.Args[1])), os.Args[2]
	chunk := must(strconv.Atoi(os.Args[3]))
	save := func(name string, blob []byte, annotations map[string]string) {
		check(os.WriteFile(filepath.Join(directory, name+".blob"), blob, 0o644))
		text := must(json.MarshalIndent(annotations, "", "  "))
		check(os.WriteFile(filepath.Join(directory, name+".annotations.json"), append(text, '\n'), 0o644))
	}
	build := func(name string, options ...estargz.Option) {
		section := io.NewSectionReader(bytes.NewReader(tar), 0, int64(len(tar)))
		blob := must(estargz.Build(section, append(options, estargz.WithChunkSize(chunk))...))
		bytes := must(io.ReadAll(blob))
		size := must(blob.UncompressedSize())
		save(name, bytes, map[string]string{
			tocDigest: blob.TOCDigest().String(),
			unpacked:  strconv.FormatInt(size, 10),
		})
	}
	build("estargz-library")
	build("estargz-inner", estargz.WithMinChunkSize(20000))

	write := func(name string, compressor estargz.Compressor, annotations map[string]string) {
		var blob bytes.Buffer
		writer := estargz.NewWriterWithCompressor(&blob, compressor)
		writer.ChunkSize = chunk
		check(writer.AppendTarLossLess(bytes.NewReader(tar)))
		annotations[tocDigest] = must(writer.Close()).String()
		save(name, blob.Bytes(), annotations)
	}
	write("estargz-lossless", estargz.NewGzipCompressor(), map[string]string{})
	write("estargz-external", externaltoc.NewGzipCompressor(), map[string]string{})
	metadata := map[string]string{}
	write("zstd-containerd", &zstdchunked.Compressor{CompressionLevel: zstd.SpeedDefault, Metadata: metadata}, metadata)

	var blob bytes.Buffer
	metadata = map[string]string{}
	writer := must(compressor.ZstdCompressor(&blob, metadata, nil))
	must(writer.Write(tar))
	check(writer.Close())
	save("zstd-gen2", blob.Bytes(), metadata)
}

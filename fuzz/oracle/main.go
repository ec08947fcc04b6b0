// Lists tar archives as Go's archive/tar reads them: archives on stdin, each after its length in
// four bytes, big-endian; one line of JSON on stdout for each.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"strings"
)

type entry struct {
	Name  []byte `json:"name"`
	Link  []byte `json:"link"`
	Type  byte   `json:"type"`
	Size  int64  `json:"size"`
	Mode  int64  `json:"mode"`
	UID   int64  `json:"uid"`
	GID   int64  `json:"gid"`
	Mtime int64  `json:"mtime"`
	// Bytes that are not zero, and whether all were read: not those of a huge sparse file.
	Filled int64 `json:"filled"`
	Read   bool  `json:"read"`
}

type listing struct {
	Entries []entry `json:"entries"`
	Error   string  `json:"error"`
}

type counter struct{ filled int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.filled += int64(len(b) - bytes.Count(b, []byte{0}))
	return len(b), nil
}

func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func list(archive []byte) (l listing) {
	l.Entries = []entry{}
	r := tar.NewReader(bytes.NewBuffer(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return l
		}
		if err != nil {
			l.Error = err.Error()
			return l
		}
		e := entry{Name: []byte(h.Name), Link: []byte(h.Linkname), Type: h.Typeflag, Size: h.Size,
			Mode: h.Mode, UID: int64(h.Uid), GID: int64(h.Gid), Mtime: h.ModTime.Unix()}
		e.Read = !sparse(h) || h.Size < 1<<22
		if e.Read {
			var c counter
			_, err = io.Copy(&c, r)
			e.Filled = c.filled
		}
		l.Entries = append(l.Entries, e)
		if err != nil {
			l.Error = err.Error()
			return l
		}
	}
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err != nil {
			return
		}
		archive := make([]byte, length)
		if _, err := io.ReadFull(in, archive); err != nil {
			panic(err)
		}
		line, err := json.Marshal(list(archive))
		if err != nil {
			panic(err)
		}
		out.Write(append(line, '\n'))
		out.Flush()
	}
}

package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framer speaks HTTP/2 frame by frame.
type framer struct {
	*http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// newFramer begins a connection.
func newFramer(conn net.Conn) (*framer, error) {
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return nil, err
	}
	f := &framer{Framer: http2.NewFramer(conn, conn)}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.encoder = hpack.NewEncoder(&f.block)
	return f, f.WriteSettings()
}

// get sends the header of a request for a path, with names and values.
func (f *framer) get(stream uint32, path string, fields ...string) error {
	f.block.Reset()
	fields = append([]string{":method", "GET", ":scheme", "https", ":path", path}, fields...)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := f.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			return err
		}
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.block.Bytes(), EndStream: true, EndHeaders: true})
}

// askH2 sends the fields of a request, and returns the status and the body.
func askH2(conn net.Conn, fields string) (status, body string, err error) {
	f, err := newFramer(conn)
	if err != nil {
		return "", "", err
	}
	if err := f.get(1, "/", strings.Fields(fields)...); err != nil {
		return "", "", err
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "", "", err
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			status, ended = frame.PseudoValue("status"), frame.StreamEnded()
		case *http2.DataFrame:
			body, ended = body+string(frame.Data()), frame.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return "", "", fmt.Errorf("it ended by %v", frame)
		}
		if ended {
			return status, body, nil
		}
	}
}

package coverage

import (
	"bufio"
	"fmt"
	"io"
)

// WriteLCOV writes what scripts have run in the format of lcov, which services and editors read.
func WriteLCOV(out io.Writer, scripts []Script) error {
	b := bufio.NewWriter(out)
	for _, s := range scripts {
		fmt.Fprintf(b, "TN:\nSF:%s\n", s.Name)
		for _, line := range s.Lines {
			fmt.Fprintf(b, "DA:%d,%d\n", line.Number, line.Count)
		}
		fmt.Fprintf(b, "LF:%d\nLH:%d\nend_of_record\n", len(s.Lines), s.Run())
	}
	return b.Flush()
}

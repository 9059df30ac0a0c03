package kv

import (
	"bytes"
	"math"
	"strconv"
)

// mark begins every value that is not text. Text that begins with it has another one before it.
const mark = '\x01'

// AppendText appends the value of a text: the text itself, so that other programs can write and read it.
func AppendText(b []byte, text string) []byte {
	if text != "" && text[0] == mark {
		b = append(b, mark)
	}
	return append(b, text...)
}

// AppendJSON appends the value of what has the JSON given.
func AppendJSON(b, json []byte) []byte { return append(append(b, mark), json...) }

// Content returns the text that a value stands for, or the JSON.
func Content(value []byte) (content []byte, json bool) {
	switch {
	case len(value) < 2 || value[0] != mark:
		return value, false
	case value[1] == mark:
		return value[1:], false
	}
	return value[1:], true
}

// AppendNumber appends the JSON of a number: whole numbers below 2^63 with all digits, others in the shortest form that is read as the same
// number. Stores that calculate outside of this process must write the same bytes, since values are compared as such.
func AppendNumber(b []byte, n float64) []byte {
	if n == math.Trunc(n) && math.Abs(n) < 1<<63 {
		return strconv.AppendInt(b, int64(n), 10)
	}
	return strconv.AppendFloat(b, n, 'g', -1, 64)
}

// maxNumber is the length of the longest text that may be a number.
const maxNumber = 64

// Number returns the number that a value is: one that scripts have written, or a text of decimal digits that another program has, such as
// INCR of Redis.
func Number(value []byte) (n float64, ok bool) {
	digits := bytes.TrimPrefix(value, []byte{mark})
	if len(digits) == 0 || len(digits) > maxNumber {
		return 0, false
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return 0, false // the names and prefixes that Go reads besides
		}
	}
	n, err := strconv.ParseFloat(string(digits), 64)
	return n, err == nil
}

// AppendSum appends what Increment writes: the number n in the form of the value before, which is nil if there was none.
func AppendSum(b, before []byte, n float64) []byte {
	if before == nil || len(before) > 0 && before[0] == mark {
		b = append(b, mark)
	}
	return AppendNumber(b, n)
}

// Sum is the whole of Increment but for what it is read from and written to: it returns the value to write, appended to b, and the number.
// Before is nil if there was no value.
func Sum(b, before []byte, op *Op) ([]byte, float64, error) {
	n := op.Init
	if before != nil {
		var ok bool
		if n, ok = Number(before); !ok {
			return b, 0, &Error{Reason: NotNumber}
		}
	}
	if n += op.By; math.IsInf(n, 0) || math.IsNaN(n) {
		return b, 0, &Error{Reason: NotNumber, Detail: "the sum is too large"}
	}
	return AppendSum(b, before, n), n, nil
}

package checkpoints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// parseHeader reads the JSON token by token: encoding/json alone would let
// names stand twice and take "DType" for "dtype".
func parseHeader(header []byte) ([]tensorInfo, map[string]string, error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("is not valid UTF-8")
	}
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, errors.New("does not begin with {")
	}
	p := headerParser{json.NewDecoder(bytes.NewReader(header))}
	p.dec.UseNumber()
	var tensors []tensorInfo
	var meta map[string]string
	seen := make(map[string]bool)
	err := p.object(func(name string) (err error) {
		if seen[name] {
			return fmt.Errorf("%.100q stands there twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			meta, err = p.metadata()
			return err
		}
		t, err := p.tensor(name)
		if err != nil {
			return fmt.Errorf("tensor %.100q: %w", name, err)
		}
		tensors = append(tensors, t)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.TrimLeft(header[p.dec.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, fmt.Errorf("goes on after its end with %.100q", rest[:min(len(rest), 16)])
	}
	return tensors, meta, nil
}

// tokenText is a token for an error: what a file holds may be long and may not be
// fit for a terminal.
func tokenText(token json.Token) string {
	if s, ok := token.(string); ok {
		return fmt.Sprintf("%.40q", s)
	}
	return fmt.Sprintf("%.40v", token)
}

type headerParser struct{ dec *json.Decoder }

// object reads { … } and calls member after each key, to read its value.
func (p headerParser) object(member func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for n := 0; p.dec.More(); n++ {
		if n == maxMembers {
			return fmt.Errorf("has more than %d entries", maxMembers)
		}
		token, err := p.dec.Token()
		if err != nil {
			return cutOff(err)
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%s where a name belongs", tokenText(token))
		}
		if err := member(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p headerParser) delim(want json.Delim) error {
	token, err := p.dec.Token()
	if err != nil {
		return cutOff(err)
	}
	if token != want {
		return fmt.Errorf("%s where %v belongs", tokenText(token), want)
	}
	return nil
}

func (p headerParser) string() (string, error) {
	token, err := p.dec.Token()
	if err != nil {
		return "", cutOff(err)
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%s where a text belongs", tokenText(token))
	}
	return s, nil
}

// numbers reads a list of at most max whole numbers.
func (p headerParser) numbers(max int) ([]int64, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for p.dec.More() {
		if len(list) == max {
			return nil, fmt.Errorf("more than %d numbers in a list", max)
		}
		token, err := p.dec.Token()
		if err != nil {
			return nil, cutOff(err)
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s where a number belongs", tokenText(token))
		}
		v, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || v < 0 || v > math.MaxInt {
			return nil, fmt.Errorf("%.40s where a size belongs", number)
		}
		list = append(list, v)
	}
	return list, p.delim(']')
}

func (p headerParser) metadata() (map[string]string, error) {
	meta := make(map[string]string)
	err := p.object(func(key string) (err error) {
		if _, ok := meta[key]; ok {
			return fmt.Errorf("%.100q stands there twice", key)
		}
		meta[key], err = p.string()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", metadataKey, err)
	}
	return meta, nil
}

func (p headerParser) tensor(name string) (tensorInfo, error) {
	t := tensorInfo{name: name}
	var shape, offsets []int64
	err := p.object(func(key string) (err error) {
		switch {
		case key == "dtype" && t.dtype == "":
			var dtype string
			dtype, err = p.string()
			if t.dtype = DType(dtype); err == nil && t.dtype.size() == 0 {
				err = fmt.Errorf("dtype %.100q; F64, F32, F16, BF16, I64, I32, U8 and BOOL are read", dtype)
			}
		case key == "shape" && shape == nil:
			shape, err = p.numbers(maxDims)
		case key == "data_offsets" && offsets == nil:
			offsets, err = p.numbers(2)
		default:
			err = fmt.Errorf("%.100q is unknown or stands there twice", key)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if t.dtype == "" || shape == nil || len(offsets) != 2 {
		return t, errors.New("want dtype, shape and two data_offsets")
	}
	t.shape = make([]int, len(shape))
	for i, d := range shape {
		t.shape[i] = int(d)
	}
	t.begin, t.end = offsets[0], offsets[1]
	return t, nil
}

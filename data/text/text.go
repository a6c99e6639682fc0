// Package text reads plain text as a data.Source of words.
//
//	files (gz, bz2, zstd, folders, "-") → splitter → words → Corpus
//
// A text is read once, in pieces: its words are numbered as they come, and then
// renumbered by how often they occur. What is held in memory is the vocabulary
// and, up to Options.Memory, four bytes a word; beyond that the words' numbers
// stand in a file without a name. An example is a run of Options.Length words
// that follow each other, so that any place of any epoch is found at once, and a
// batch of runs is what methods such as the skip-gram draw their pairs from.
package text

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"x2vec/data"
)

// endings of the files of a folder that are read as text.
var endings = []string{".txt", ".text", ".gz", ".bz2", ".zst"}

// Files lists the texts that paths stand for, in order: a file is itself, a
// folder its files with the ending of a text, at any depth and by name, and "-"
// the standard input.
func Files(paths ...string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("no text is named; give files, folders or - for the standard input")
	}
	var list []string
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case p == "-":
			list = append(list, p)
			continue
		case err != nil:
			return nil, err
		case !info.IsDir():
			list = append(list, p)
			continue
		}
		before := len(list)
		top, err := filepath.EvalSymlinks(p) // a walk follows no link by itself
		if err != nil {
			return nil, err
		}
		err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			hidden := strings.HasPrefix(d.Name(), ".") && path != top
			if d.IsDir() && hidden {
				return filepath.SkipDir
			}
			if d.Type().IsRegular() && !hidden && slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
				list = append(list, filepath.Join(p, strings.TrimPrefix(path, top)))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(list) == before {
			return nil, data.Input(fmt.Errorf("%s: holds no file that ends in %s", p, strings.Join(endings, ", ")))
		}
	}
	return list, nil
}

// maxZstdWindow bounds what a compressed text makes its reader hold.
const maxZstdWindow = 128 << 20

// Open opens a text. Whether it is compressed is told by its first bytes, and not
// by its name. "-" is stdin.
func Open(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		if stdin == nil {
			return nil, data.Input(errors.New("the text is to come from the standard input, which cannot be read here: name a file with the text"))
		}
		return unpack(path, io.NopCloser(stdin))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return unpack(path, f)
}

// unpacked is a reader of what a file holds, and the file.
type unpacked struct {
	io.Reader
	closers []func() error
}

// Close implements io.Closer.
func (u *unpacked) Close() error {
	var errs []error
	for _, c := range u.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func unpack(name string, f io.ReadCloser) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(f, 1<<16)
	head, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	u := &unpacked{b, []func() error{f.Close}}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, damaged("gzip", err)), f.Close())
		}
		u.Reader = unpacking{"gzip", z}
	case bytes.HasPrefix(head, []byte("BZh")):
		u.Reader = unpacking{"bzip2", bzip2.NewReader(b)}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, damaged("zstd", err)), f.Close())
		}
		u.Reader = unpacking{"zstd", z}
		u.closers = append(u.closers, func() error { z.Close(); return nil })
	}
	return u, nil
}

// faulty is an error of a text that was read: one of the input, unless the disk is at
// fault or the reading was ended.
func faulty(ctx context.Context, err error) error {
	var disk *fs.PathError
	if err == nil || ctx.Err() != nil || errors.As(err, &disk) {
		return err
	}
	return data.Input(err)
}

// unpacking says of what cannot be unpacked that the file is at fault.
type unpacking struct {
	form string
	r    io.Reader
}

// Read implements io.Reader.
func (p unpacking) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && err != io.EOF {
		err = damaged(p.form, err)
	}
	return n, err
}

func damaged(form string, err error) error {
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return err // of the disk
	case errors.Is(err, io.ErrUnexpectedEOF):
		return data.Input(fmt.Errorf("ends within its %s data: the file is not whole", form))
	}
	return data.Input(fmt.Errorf("begins as %s does, but its data are damaged: %w", form, err))
}

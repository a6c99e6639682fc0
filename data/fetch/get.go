package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"x2vec/data"
	"x2vec/data/internal/durable"
)

// Options say how Get fetches; the zero value of each is its default.
type Options struct {
	// From is a mirror in place of the set's own addresses: a folder or a URL
	// under which the files have their names.
	From string
	// Progress is told how far each file is, many times a second, on the
	// goroutine of Get; nil = nobody.
	Progress func(Progress)
	// Warn is told what went wrong and was mended (a try again, another mirror).
	Warn func(text string)

	Client   *http.Client  // default: proxies from the environment, bounded waits
	Stall    time.Duration // without a byte for so long, a connection is given up; 0 = 30 s
	Attempts int           // in a row without progress, of one address; 0 = 5
	Pause    time.Duration // before the second attempt, doubled for each further one up to 30 s; 0 = 1 s
}

// Progress is how far one file of a set is.
type Progress struct {
	File        string
	Index       int   // of the file, from 0
	Files       int   // of the set
	Done, Total int64 // bytes
	Kept        bool  // it was there already, complete
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			ForceAttemptHTTP2:     true,
		}}
	}
	return o
}

// Get puts the files of set into dir, which it makes. Files that are there and
// have the right sum are kept; a download that broke off is gone on with; a file
// has its name only once it is complete and has the right sum. One process at a
// time works in a folder. On an error, what was downloaded stays for the next
// time.
func Get(ctx context.Context, set Set, dir string, o Options) error {
	o = o.withDefaults()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(dir, ".lock"))
	switch free, err := lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("%s: %w", dir, err)
	case !free:
		return fmt.Errorf("%s: another process is downloading into it", dir)
	}
	defer lock.Unlock()
	for i, f := range set.Files {
		g := &getter{o: o, file: f, path: filepath.Join(dir, f.Name), index: i, files: len(set.Files)}
		if err := g.get(ctx); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// getter fetches one file.
type getter struct {
	o            Options
	file         File
	path         string
	index, files int
}

func (g *getter) tell(done int64, kept bool) {
	g.o.Progress(Progress{File: g.file.Name, Index: g.index, Files: g.files, Done: done, Total: g.file.Size, Kept: kept})
}

func (g *getter) get(ctx context.Context) error {
	switch err := g.verify(ctx, g.path); {
	case err == nil:
		g.tell(g.file.Size, true)
		return nil
	case !errors.Is(err, os.ErrNotExist):
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		g.o.Warn(fmt.Sprintf("%s: is fetched again: %v", g.path, err))
	}
	addresses := g.file.URLs
	if g.o.From != "" {
		if !strings.Contains(g.o.From, "://") {
			return g.finish(ctx, g.copyFrom(ctx, filepath.Join(g.o.From, g.file.Name)))
		}
		base, err := url.Parse(g.o.From)
		if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
			return fmt.Errorf("from: is %q, want a folder or an address that begins with http:// or https://", g.o.From)
		}
		addresses = []string{base.JoinPath(g.file.Name).String()}
	}
	var faults []error
	for i, address := range addresses {
		resumed := g.partSize() > 0
		err := g.finish(ctx, g.download(ctx, address))
		if errors.Is(err, errDiffers) && resumed {
			// What was there may have been of another version: once more, whole.
			g.o.Warn(fmt.Sprintf("%s: %v; downloading it whole", g.file.Name, err))
			err = g.finish(ctx, g.download(ctx, address))
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var disk *os.PathError // neither is mended by another address
		if errors.As(err, &disk) {
			return err
		}
		if i+1 < len(addresses) {
			g.o.Warn(fmt.Sprintf("%s: %v; trying %s", g.file.Name, err, addresses[i+1]))
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (g *getter) part() string { return g.path + ".part" }

// finish checks the sum of what was fetched and gives it its name. A wrong sum
// is the end of what was fetched: nothing in it can be trusted.
func (g *getter) finish(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	if err := g.verify(ctx, g.part()); err != nil {
		if ctx.Err() == nil {
			g.forget()
		}
		return err
	}
	f, err := os.OpenFile(g.part(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := durable.Commit(f, g.path); err != nil {
		return err
	}
	os.Remove(g.tagFile())
	return nil
}

func (g *getter) forget() {
	os.Remove(g.part())
	os.Remove(g.tagFile())
}

// errDiffers is the error of a file that is not the original.
var errDiffers = errors.New("is not the original")

// verify compares the length and the sum of a file with those of the original.
func (g *getter) verify(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != g.file.Size {
		return fmt.Errorf("%w: has %d bytes, not %d", errDiffers, info.Size(), g.file.Size)
	}
	h := sha256.New()
	if _, err := io.Copy(h, data.Until(ctx, f)); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != g.file.SHA256 {
		return fmt.Errorf("%w: has the SHA-256 %s, not %s", errDiffers, sum, g.file.SHA256)
	}
	return nil
}

// copyFrom copies the file of a folder to the part.
func (g *getter) copyFrom(ctx context.Context, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if info.Size() != g.file.Size {
		return fmt.Errorf("%s: %w: has %d bytes, not %d", from, errDiffers, info.Size(), g.file.Size)
	}
	dst, err := os.Create(g.part())
	if err != nil {
		return err
	}
	_, err = io.Copy(&counting{w: dst, tell: func(n int64) { g.tell(n, false) }}, data.Until(ctx, src))
	return errors.Join(err, dst.Close())
}

// counting tells how many bytes went through, beginning with done.
type counting struct {
	w    io.Writer
	done int64
	tell func(done int64)
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	c.tell(c.done)
	return n, err
}

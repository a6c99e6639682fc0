package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// A final error is one that trying the same address again does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// errStalled is the cause when no byte came for too long.
var errStalled = errors.New("the connection stalled")

// download fetches an address to the part, going on with what is there, and
// tries again after a pause where that can help. Attempts are counted anew
// after every megabyte, so that a bad line does not end a long download.
func (g *getter) download(ctx context.Context, address string) error {
	pause := g.o.Pause
	last := g.partSize()
	for attempt := 1; ; attempt++ {
		err := g.attempt(ctx, address)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var disk *os.PathError
		var f final
		if errors.As(err, &f) || errors.As(err, &disk) {
			return fmt.Errorf("%s: %w", address, err)
		}
		if size := g.partSize(); size >= last+1<<20 {
			last, attempt, pause = size, 1, g.o.Pause
		}
		if attempt >= g.o.Attempts {
			return fmt.Errorf("%s: %w (%d attempts)", address, err, attempt)
		}
		wait := pause
		var busy *busyError
		if errors.As(err, &busy) {
			wait = max(wait, min(busy.after, time.Minute))
		}
		g.o.Warn(fmt.Sprintf("%s: %v; trying again in %v", g.file.Name, err, wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause = min(2*pause, max(30*time.Second, g.o.Pause))
	}
}

func (g *getter) partSize() int64 {
	info, err := os.Stat(g.part())
	if err != nil {
		return 0
	}
	return info.Size()
}

// tagFile keeps the address and the version (ETag or Last-Modified) of what the
// part was downloaded from, in two lines.
func (g *getter) tagFile() string { return g.part() + ".from" }

func (g *getter) readTag(address string) string {
	b, err := os.ReadFile(g.tagFile())
	if err != nil {
		return ""
	}
	from, tag, _ := strings.Cut(strings.TrimSuffix(string(b), "\n"), "\n")
	if from != address {
		return ""
	}
	return tag
}

// attempt asks once, from where the part ends.
func (g *getter) attempt(ctx context.Context, address string) (err error) {
	have := g.partSize()
	if have > g.file.Size {
		g.forget()
		have = 0
	}
	if have == g.file.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(g.o.Stall, func() { cancel(errStalled) })
	defer stall.Stop()
	defer func() { // say "stalled" where the standard library says "canceled"
		if err != nil && errors.Is(context.Cause(ctx), errStalled) {
			err = fmt.Errorf("%w: nothing came for %v", errStalled, g.o.Stall)
		}
	}()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return final{err}
	}
	req.Header.Set("User-Agent", "x2vec")
	req.Header.Set("Accept-Encoding", "identity") // else lengths and ranges mean something else
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		// Without a tag (another mirror, or none was given) the sum at the end decides.
		if tag := g.readTag(address); tag != "" {
			req.Header.Set("If-Range", tag)
		}
	}
	resp, err := g.o.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		have = 0 // from the start, whatever was asked for
	case http.StatusPartialContent:
		if have == 0 || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
			g.forget()
			return fmt.Errorf("sent the range %q in place of what was asked for", resp.Header.Get("Content-Range"))
		}
	case http.StatusRequestedRangeNotSatisfiable:
		g.forget()
		return fmt.Errorf("has no bytes from %d on", have)
	default:
		return status(resp)
	}
	if n := resp.ContentLength; n >= 0 && have+n != g.file.Size {
		return final{fmt.Errorf("offers a file of %d bytes, the original has %d", have+n, g.file.Size)}
	}
	return g.save(resp, address, have, stall)
}

// save writes the body to the part, at have.
func (g *getter) save(resp *http.Response, address string, have int64, stall *time.Timer) error {
	f, err := os.OpenFile(g.part(), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(have); err != nil {
		return err
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	if have == 0 {
		if err := os.WriteFile(g.tagFile(), []byte(address+"\n"+version(resp)+"\n"), 0o644); err != nil {
			return err
		}
	}
	out := &counting{w: f, done: have, tell: func(n int64) {
		stall.Reset(g.o.Stall)
		g.tell(n, false)
	}}
	g.tell(have, false)
	n, err := io.Copy(out, io.LimitReader(resp.Body, g.file.Size-have+1))
	switch have += n; {
	case err != nil && have <= g.file.Size:
		return fmt.Errorf("broke off after %d of %d bytes: %w", have, g.file.Size, err)
	case have > g.file.Size:
		g.forget()
		return final{fmt.Errorf("sends more than the %d bytes of the original", g.file.Size)}
	case have < g.file.Size:
		return fmt.Errorf("ended after %d of %d bytes", have, g.file.Size)
	}
	return f.Close()
}

// version is what If-Range may name: a strong ETag, else the date.
func version(resp *http.Response) string {
	if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return resp.Header.Get("Last-Modified")
}

// busyError is an answer that asks to come back later.
type busyError struct {
	status string
	after  time.Duration
}

func (b *busyError) Error() string { return "answers " + b.status }

func status(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &busyError{resp.Status, time.Duration(max(seconds, 0)) * time.Second}
	default:
		return final{fmt.Errorf("answers %s", resp.Status)}
	}
}

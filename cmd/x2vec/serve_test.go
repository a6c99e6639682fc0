package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serving starts the command and gives the address that it prints.
func serving(t *testing.T, args ...string) (line string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	c := rootCommand()
	r, w := io.Pipe()
	c.SetArgs(append([]string{"serve"}, args...))
	c.SetOut(w)
	c.SetErr(io.Discard)
	done := make(chan error, 1)
	go func() {
		err := c.ExecuteContext(ctx)
		w.CloseWithError(io.EOF)
		done <- err
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-done)
	}
	return strings.TrimSpace(line), func() error {
		cancel(errors.New("enough"))
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Second):
			return errors.New("it stays")
		}
	}
}

func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	line, end := serving(t, dir, "--addr", "127.0.0.1:0")
	before, at, _ := strings.Cut(line, " is at ")
	if before != dir || !strings.HasPrefix(at, "http://127.0.0.1:") || strings.Contains(at, "token") {
		t.Fatalf("it says %q", line)
	}
	a, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if text, err := io.ReadAll(a.Body); err != nil || a.StatusCode != 200 || !strings.Contains(string(text), "There are no runs here yet") {
		t.Errorf("%s, %v: %s", a.Status, err, text)
	}
	if err := end(); err == nil || err.Error() != "enough" {
		t.Errorf("it ends by %v", err)
	}

	// Where others reach it there is a token, which the address holds.
	line, end = serving(t, dir, "--addr", "0.0.0.0:0")
	_, token, ok := strings.Cut(line, "/?token=")
	if !ok || len(token) < minToken {
		t.Errorf("it says %q", line)
	}
	if err := end(); err == nil || err.Error() != "enough" {
		t.Errorf("it ends by %v", err)
	}
}

func TestServeFaults(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", dir, "--addr", "8322"}, "want HOST:PORT"},
		{[]string{"serve", dir, "--addr", "127.0.0.1:99999"}, "--addr: "},
		{[]string{"serve", filepath.Join("testdata", "..", "serve.go")}, "is not a folder"},
		{[]string{"serve", dir, dir}, "accepts at most 1"},
	} {
		var text strings.Builder
		status := run(c.args, io.Discard, &text)
		if status != exitBadRequest || !strings.Contains(text.String(), c.want) {
			t.Errorf("%v: %d %s", c.args, status, text.String())
		}
	}
	t.Setenv(tokenVariable, "short")
	var text strings.Builder
	if status := run([]string{"serve", dir}, io.Discard, &text); status != exitBadRequest || !strings.Contains(text.String(), "want at least 16") {
		t.Errorf("%d %s", status, text.String())
	}
}

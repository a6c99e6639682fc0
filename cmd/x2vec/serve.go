package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/trainers/serve"
)

// tokenVariable holds the token of a server, so that it stands in no list of processes.
const tokenVariable = "X2VEC_TOKEN"

const minToken = 16 // letters

func serveCommand() *cobra.Command {
	addr := "127.0.0.1:8322"
	var hosts []string
	c := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "show the runs in a folder to a browser, also while they are at work",
		Long: `Show the runs in a folder and below it to a browser: a list to sort, filter and
compare, a page of each run that moves while it trains, a map of its codes, words and
their neighbours, files to download, and a button to stop a run after its step.

It reads the folders of the runs, and may begin before, during or after training, in
another container too. It listens to this machine alone. At any other address (--addr
0.0.0.0:8322) it asks for a token: that in ` + tokenVariable + `, or one that it draws; the
address that it prints holds it. Connections are not encrypted: over a net that others
use, let a proxy or ssh -L do that.`,
		Example: `  x2vec serve
  x2vec serve /runs --addr 0.0.0.0:8322 --allow-host trainer.example.org`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runServe(c, runsDir(args), addr, hosts) },
	}
	c.Flags().StringVar(&addr, "addr", addr, "`address` to listen at; port 0 takes a free one")
	c.Flags().StringArrayVar(&hosts, "allow-host", nil, "`name` by which browsers may call the server; may be given several times")
	return c
}

func runServe(c *cobra.Command, dir, addr string, hosts []string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		logrus.Warnf("%s does not exist yet; the page fills when a run begins there", dir)
	case err != nil:
		return badRequest(err)
	case !info.IsDir():
		return badRequest(fmt.Errorf("%s is not a folder", dir))
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return badRequest(fmt.Errorf("--addr: %w; want HOST:PORT, such as 127.0.0.1:8322", err))
	}
	token := os.Getenv(tokenVariable)
	switch {
	case token != "" && len(token) < minToken:
		return badRequest(fmt.Errorf("%s has %d letters, want at least %d", tokenVariable, len(token), minToken))
	case token == "" && !loopback(host):
		token = rand.Text()
	}
	console := newConsole(c)
	console.onSignal = "leaving"
	ctx, stop := untilSignal(c.Context(), console)
	defer stop()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return badRequest(fmt.Errorf("--addr: %w", err))
	}
	s := serve.New(serve.Options{Dir: dir, Token: token, Hosts: hosts, Words: openSpace, Log: logrus.Infof})
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	fmt.Fprintf(c.OutOrStdout(), "%s is at %s\n", dir, address(l.Addr().String(), token))
	if err := s.Serve(ctx, l); err != nil {
		return err
	}
	var bySignal signalError
	if errors.As(context.Cause(ctx), &bySignal) {
		return nil // which is how a server is ended
	}
	return context.Cause(ctx)
}

// loopback reports whether only this machine reaches an address.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// address is what is typed into a browser: where the server listens everywhere, by the
// name of this machine.
func address(at, token string) string {
	if host, port, err := net.SplitHostPort(at); err == nil {
		if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
			if own, err := os.Hostname(); err == nil {
				at = net.JoinHostPort(strings.ToLower(own), port)
			}
		}
	}
	if token != "" {
		return "http://" + at + "/?token=" + url.QueryEscape(token)
	}
	return "http://" + at + "/"
}

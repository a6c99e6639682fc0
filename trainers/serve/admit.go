package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// admit lets requests through that come from the server's own pages, from people who
// typed or clicked its address, and from programs; of those, where there is a token,
// only who knows it.
func (s *Server) admit(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !s.known(r.Host):
			http.Error(w, "this server does not go by the name "+hostOf(r.Host)+"; --allow-host lets it", http.StatusMisdirectedRequest)
		case foreign(r):
			http.Error(w, "another site's page may not ask this server", http.StatusForbidden)
		case s.o.Token == "":
			h.ServeHTTP(w, r)
		case r.URL.Query().Has("token") && r.Method == http.MethodGet:
			s.enter(w, r)
		case s.has(r):
			h.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "open the address that the server printed when it began: it holds a token", http.StatusUnauthorized)
		}
	})
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// known reports whether a browser may have been sent here by that name. A page of
// somebody else's can give its own name this machine's address and then ask as if it
// were ours, but it cannot be called by an address or by a name of this machine.
func (s *Server) known(hostport string) bool {
	host := strings.ToLower(strings.TrimSuffix(hostOf(hostport), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if own, err := os.Hostname(); err == nil && host == strings.ToLower(own) {
		return true
	}
	return slices.ContainsFunc(s.o.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// foreign reports whether a page of another origin asks. Browsers say where a request
// comes from; programs say nothing.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	// A link on another page may be followed; no more than that.
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// cookie is the name under which a browser keeps the token: one for each token, as
// browsers tell servers on one machine apart by nothing else.
func (s *Server) cookie() string {
	sum := sha256.Sum256([]byte(s.o.Token))
	return "x2vec-" + hex.EncodeToString(sum[:4])
}

// enter lets a browser keep the token that is in its address, and takes it out there.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !s.is(q.Get("token")) {
		http.Error(w, "the token is not the server's", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: s.cookie(), Value: s.o.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	q.Del("token")
	// From a page on another site the cookie is not sent along at once: the page that
	// follows begins anew from here.
	to := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: q.Encode()}
	if strings.HasPrefix(to.Path, "//") {
		to.Path, to.RawPath = "/", ""
	}
	http.Redirect(w, r, to.RequestURI(), http.StatusSeeOther)
}

func (s *Server) has(r *http.Request) bool {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.is(t)
	}
	c, err := r.Cookie(s.cookie())
	return err == nil && s.is(c.Value)
}

// is compares in a time that does not depend on where they differ.
func (s *Server) is(token string) bool {
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.o.Token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

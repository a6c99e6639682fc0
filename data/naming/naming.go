// Package naming is about the names by which run files and commands ask for things: it
// keeps what is known by one, and finds what was meant by one that is not known.
package naming

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Meant is the name that is most like what was given, letters in any case, or "" where
// none is like it: up to two letters differ, or a third of a long one.
func Meant(given string, names []string) string {
	best, distance := "", max(2, len(given)/3)+1
	if given == "" {
		return ""
	}
	for _, name := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(given), strings.ToLower(name)); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}

// Hint is "; did you mean …?" where one of the names was meant, to end a sentence with.
func Hint(given string, names []string) string {
	if near := Meant(given, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// A Registry keeps what makes a thing of one kind, by name.
type Registry[T any] struct {
	kind string
	make map[string]func() T
}

// NewRegistry is an empty one; kind says in words of what, "encoder".
func NewRegistry[T any](kind string) *Registry[T] {
	return &Registry[T]{kind, map[string]func() T{}}
}

// Register makes a thing known. It panics where the name is taken.
func (r *Registry[T]) Register(name string, make func() T) {
	if r.make[name] != nil {
		panic(r.kind + " " + name + " is registered twice")
	}
	r.make[name] = make
}

// New makes the thing of that name; the error lists those that there are.
func (r *Registry[T]) New(name string) (thing T, err error) {
	f := r.make[name]
	if f == nil {
		return thing, fmt.Errorf("no %s %q; there are %s%s", r.kind, name, strings.Join(r.Names(), ", "), Hint(name, r.Names()))
	}
	return f(), nil
}

// Names lists what is known, in the order of the alphabet.
func (r *Registry[T]) Names() []string { return slices.Sorted(maps.Keys(r.make)) }

// NameOf is the name of the kind that a thing is of; its Go type where none is.
func (r *Registry[T]) NameOf(thing T) string {
	of := reflect.TypeOf(thing)
	for _, name := range r.Names() {
		if reflect.TypeOf(r.make[name]()) == of {
			return name
		}
	}
	return fmt.Sprint(of)
}

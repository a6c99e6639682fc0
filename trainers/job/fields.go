package job

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// A field is one setting of a struct: an exported field with a toml tag.
type field struct {
	name  string
	value reflect.Value
}

// fieldsOf lists the settings of structs, given by pointer, in their order. An
// embedded struct counts as its fields.
func fieldsOf(structs ...any) []field {
	var fields []field
	for _, s := range structs {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			switch {
			case f.Anonymous && f.IsExported() && f.Type.Kind() == reflect.Struct && name == "":
				fields = append(fields, fieldsOf(v.Field(i).Addr().Interface())...)
			case f.IsExported() && name != "" && name != "-":
				fields = append(fields, field{name, v.Field(i)})
			}
		}
	}
	return fields
}

func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return list
}

// custom is a setting that reads and writes itself, such as a Duration.
type custom interface {
	fromTOML(v any) error
	toTOML() string
}

// assign gives a setting the value that a TOML text has for it. The error says
// what stands there and what is accepted.
func assign(into reflect.Value, v any) error {
	if c, ok := into.Addr().Interface().(custom); ok {
		return c.fromTOML(v)
	}
	fail := func(want string) error { return fmt.Errorf("is %s, want %s", show(v), want) }
	switch into.Kind() {
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return fail("true or false")
		}
		into.SetBool(b)
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return fail("a text in quotes")
		}
		into.SetString(s)
	case reflect.Int, reflect.Int64:
		n, ok := v.(int64)
		if !ok || into.OverflowInt(n) {
			return fail("a whole number")
		}
		into.SetInt(n)
	case reflect.Uint64:
		n, ok := v.(int64)
		if !ok || n < 0 {
			return fail("a whole number of at least 0")
		}
		into.SetUint(uint64(n))
	case reflect.Float32, reflect.Float64:
		switch n := v.(type) {
		case float64:
			into.SetFloat(n)
		case int64:
			into.SetFloat(float64(n))
		default:
			return fail("a number")
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return fail("a list such as " + example(into.Type().Elem()))
		}
		s := reflect.MakeSlice(into.Type(), len(list), len(list))
		for i, item := range list {
			if err := assign(s.Index(i), item); err != nil {
				return fmt.Errorf("item %d %w", i+1, err)
			}
		}
		into.Set(s)
	case reflect.Array:
		list, ok := v.([]any)
		if !ok || len(list) != into.Len() {
			return fail(fmt.Sprintf("a list of %d numbers", into.Len()))
		}
		for i, item := range list {
			if err := assign(into.Index(i), item); err != nil {
				return fmt.Errorf("item %d %w", i+1, err)
			}
		}
	default:
		return fmt.Errorf("internal fault: a setting of type %v cannot be read", into.Type())
	}
	return nil
}

func example(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return `["a", "b"]`
	case reflect.Float32, reflect.Float64:
		return "[0.5, 0.25]"
	}
	return "[512, 256]"
}

// show is a value as a person would name it, cut to a readable length.
func show(v any) string {
	var s string
	switch v := v.(type) {
	case string:
		s = "the text " + strconv.Quote(v)
	case map[string]any, []map[string]any:
		return "a table"
	case []any:
		items := make([]string, 0, 4)
		for i, item := range v {
			if i == 3 {
				items = append(items, "…")
				break
			}
			items = append(items, strings.TrimPrefix(show(item), "the text "))
		}
		s = "the list [" + strings.Join(items, ", ") + "]"
	default:
		s = fmt.Sprint(v)
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return s
}

// literal is a setting as it stands in a run file.
func literal(v reflect.Value) string {
	if c, ok := v.Addr().Interface().(custom); ok {
		return c.toTOML()
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Float32, reflect.Float64:
		bits := v.Type().Bits()
		s := strconv.FormatFloat(v.Float(), 'g', -1, bits)
		if !strings.ContainsAny(s, ".eIN") {
			s += ".0"
		}
		return strings.ToLower(s) // inf and nan are written small
	case reflect.Slice, reflect.Array:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

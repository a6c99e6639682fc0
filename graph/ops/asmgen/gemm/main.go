// Command gemm writes the assembly of package blas: the micro-kernels of the
// matrix product and the packing of its operands, for AVX-512 and for AVX2 with FMA.
//
// From the folder of this module:
//
//	go run ./gemm -dir ../blas
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	dir := flag.String("dir", "../blas", "folder of package blas")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "gemm:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	cfg := printer.Config{Name: "graph/ops/asmgen/gemm", Pkg: "blas"}
	var table bytes.Buffer
	fmt.Fprintf(&table, "// %s\n\npackage blas\n", cfg.GeneratedWarning())
	for _, s := range []isa{avx512, avx2} {
		ctx := build.NewContext()
		s.emit(ctx)
		f, err := ctx.Result()
		if err != nil {
			return err
		}
		if err := pass.Compile.Execute(f); err != nil {
			return err
		}
		for suffix, p := range map[string]printer.Printer{".s": printer.NewGoAsm(cfg), ".go": printer.NewStubs(cfg)} {
			text, err := p.Print(f)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, "gemm_"+s.name+"_amd64"+suffix), text, 0o644); err != nil {
				return err
			}
		}
		s.table(&table)
	}
	text, err := format.Source(table.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "gemm_table_amd64.go"), text, 0o644)
}

// table writes the Go variable that lists the kernels of one instruction set.
func (s isa) table(w *bytes.Buffer) {
	fmt.Fprintf(w, "\nvar %sKernels = kernels{\n", s.name)
	fmt.Fprintf(w, "vector: %d, rows: %d,\n", s.width, s.rows)
	for _, form := range []form{byRow, byColumn} {
		fmt.Fprintf(w, "%s: [2][maxRows + 1]kernel{\n", form.field())
		for nv := 1; nv <= 2; nv++ {
			fmt.Fprint(w, "{nil,")
			for mr := 1; mr <= s.rows; mr++ {
				fmt.Fprintf(w, "%s,", s.kernelName(form, mr, nv))
			}
			fmt.Fprint(w, "},\n")
		}
		fmt.Fprint(w, "},\n")
	}
	fmt.Fprintf(w, "transpose: %s, copyRows: [2]func(int, *float32, int, *float32, int){%s, %s},\n}\n",
		s.transposeName(), s.copyName(1), s.copyName(2))
}

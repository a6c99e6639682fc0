// Command vec writes the assembly of package graph/ops/vec: every kernel in
// AVX-512 and in AVX2 with FMA, from one description, and the Go functions that
// choose between them and the plain Go form.
//
// It reads the coefficients of the approximations from coef.go in the output
// folder, where the plain Go form has them too:
//
//	go run ./vec -o ../vec
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	log.SetFlags(0)
	out := flag.String("o", "../vec", "folder of the package: coef.go is read there, the rest written")
	coef := flag.String("coef", "", "the file with the coefficients, if it is not coef.go in that folder")
	flag.Parse()
	if *coef == "" {
		*coef = filepath.Join(*out, "coef.go")
	}
	if err := generate(*out, *coef); err != nil {
		log.Fatal(err)
	}
}

func generate(out, coef string) error {
	c, err := readCoefficients(coef)
	if err != nil {
		return err
	}
	kernels := allKernels(c)
	for _, wide := range []bool{true, false} {
		name := "avx2_amd64"
		if wide {
			name = "avx512_amd64"
		}
		file, err := assemble(kernels, wide)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		cfg := printer.Config{Name: "graph/ops/asmgen/vec", Pkg: "vec"}
		asm, err := printer.NewGoAsm(cfg).Print(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		stubs, err := printer.NewStubs(cfg).Print(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := write(out, name+".s", asm); err != nil {
			return err
		}
		if err := write(out, name+".go", stubs); err != nil {
			return err
		}
	}
	for _, amd64 := range []bool{true, false} {
		src, err := dispatch(kernels, amd64)
		if err != nil {
			return err
		}
		name := "dispatch_other.go"
		if amd64 {
			name = "dispatch_amd64.go"
		}
		if err := write(out, name, src); err != nil {
			return err
		}
	}
	return nil
}

func write(folder, name string, b []byte) error {
	return os.WriteFile(filepath.Join(folder, name), b, 0o644)
}

// assemble compiles every kernel for one instruction set.
func assemble(kernels []kernel, wide bool) (*ir.File, error) {
	f := newFile(wide)
	for _, k := range kernels {
		f.function(k)
	}
	file, err := f.result()
	if err != nil {
		return nil, err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return nil, err
	}
	if wide {
		return file, nil
	}
	// avo allocates from all 32 vector registers; AVX2 has the first 16.
	for _, fn := range file.Functions() {
		for _, i := range fn.Instructions() {
			for _, r := range i.Registers() {
				if p := reg.ToPhysical(r); p != nil && p.Kind() == reg.KindVector && p.PhysicalIndex() > 15 {
					return nil, fmt.Errorf("%s needs more than 16 vector registers", fn.Name)
				}
			}
		}
	}
	return file, nil
}

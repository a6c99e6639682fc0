package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
)

// coefficients are the constants of the package's coef.go by name.
type coefficients map[string]float64

func readCoefficients(file string) (coefficients, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		return nil, err
	}
	pkg, err := new(types.Config).Check("vec", fset, []*ast.File{f}, nil)
	if err != nil {
		return nil, err
	}
	c := coefficients{}
	for _, name := range pkg.Scope().Names() {
		if k, ok := pkg.Scope().Lookup(name).(*types.Const); ok {
			c[name], _ = constant.Float64Val(constant.ToFloat(k.Val()))
		}
	}
	return c, nil
}

// get returns a coefficient that must be there.
func (c coefficients) get(name string) float64 {
	v, ok := c[name]
	if !ok {
		panic(fmt.Sprintf("coef.go has no constant %s", name))
	}
	return v
}

// poly lists prefix0, prefix1 … as far as they go.
func (c coefficients) poly(prefix string) []float64 {
	var p []float64
	for i := 0; ; i++ {
		v, ok := c[fmt.Sprint(prefix, i)]
		if !ok {
			return p
		}
		p = append(p, v)
	}
}

package exec_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"weir/interp/cell"
	"weir/interp/exec"
	"weir/interp/speaker/std"
)

// notebook runs cells in this process.
type notebook struct {
	compiler *cell.Compiler
	exec     *exec.Executor
	out, err bytes.Buffer
	n        int
}

func open() *notebook {
	nb := &notebook{compiler: cell.New()}
	nb.exec = exec.New(nb.compiler.FileSet(), std.Symbols)
	nb.exec.Stdout, nb.exec.Stderr = &nb.out, &nb.err
	return nb
}

// run runs a cell and returns what it printed.
func (nb *notebook) run(text string) (string, error) {
	nb.n++
	nb.out.Reset()
	nb.err.Reset()
	p, err := nb.compiler.Compile(nb.n, text)
	if err != nil {
		return "", err
	}
	if err := nb.exec.Load(p); err != nil {
		return "", err
	}
	p.Commit()
	if p.Main {
		err = nb.exec.Run(p, "init")
	}
	if err == nil {
		err = nb.exec.Run(p, p.Entry)
	}
	for _, v := range p.Results {
		text, _ := nb.exec.Text(nb.exec.Take(v))
		fmt.Fprintf(&nb.out, "= %s\n", text)
	}
	return nb.out.String(), err
}

func TestFile(t *testing.T) {
	name := os.Getenv("FILE")
	if name == "" {
		t.Skip("FILE is not set")
	}
	text, _ := os.ReadFile(name)
	nb := open()
	out, err := nb.run(string(text))
	fmt.Print(out, nb.err.String())
	if err != nil {
		t.Errorf("%T %v", err, err)
		if p, ok := err.(*exec.Panic); ok {
			for _, c := range p.Calls {
				cell, line, col := nb.compiler.Position(c.At)
				t.Log(c.Func, cell, line, col)
			}
		}
	}
}

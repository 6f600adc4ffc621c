package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"weir/notebooks/release"
	"weir/notebooks/verify"
)

type notebookCommand struct {
	Notebook string `arg:"" type:"existingfile" help:"Notebook to check."`
	JSON     bool   `name:"json" help:"Print the report as JSON."`
}

// Run checks a notebook and prints what was found.
func (c *notebookCommand) Run() error {
	content, err := os.ReadFile(c.Notebook)
	if err != nil {
		return exit{exitUsage, err}
	}
	held, err := openCustody()
	if err != nil {
		return err
	}
	_, report, err := held.verify(c.Notebook, content)
	if err != nil {
		return err
	}
	if err := c.print(report); err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		return exit{exitIntegrity, errors.New("the notebook is not as it was released")}
	}
	return nil
}

func (c *notebookCommand) print(r *verify.Report) error {
	if !c.JSON {
		return r.Write(os.Stdout)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(r.Summary())
}

type artefactCommand struct {
	Notebook string `arg:"" type:"existingfile" help:"Notebook to release from."`
	Output   string `short:"o" required:"" type:"path" help:"File to write: .ipynb, .html, .md, .csv or .png."`
	Cell     int    `help:"Only this cell, counted from 1."`
	Out      int    `name:"output-number" help:"Only this output of the cell, counted from 1."`
	Partly   bool   `help:"Leave out what is not as it was released, instead of refusing the notebook."`
}

// Run builds the artefact, records it, and writes it with its slip.
func (c *artefactCommand) Run() error {
	o := release.Options{Cell: c.Cell, Output: c.Out}
	content, err := os.ReadFile(c.Notebook)
	if err == nil {
		o.Format, err = release.FormatOf(c.Output)
	}
	if err != nil {
		return exit{exitUsage, err}
	}
	held, err := openCustody()
	if err != nil {
		return err
	}
	artefact, slip, report, err := held.release(c.Notebook, content, c.Output, o, c.Partly)
	if report != nil {
		for _, f := range report.Findings {
			fmt.Fprintln(os.Stderr, f)
		}
	}
	if err != nil {
		return err
	}
	if err := release.Write(c.Output, artefact, slip); err != nil {
		return err
	}
	fmt.Printf("%s holds the verified results and may be downloaded.\nPolicy: %s. %s\n", c.Output, versionOf(slip), release.Notice)
	return nil
}

func versionOf(slip []byte) string {
	var s release.Slip
	var about release.SlipStatement
	if json.Unmarshal(slip, &s) != nil || json.Unmarshal([]byte(s.Statement), &about) != nil {
		return "unknown"
	}
	return about.Version
}

// openCustody is who holds key and ledger for the configuration in use.
func openCustody() (custody, error) {
	conf, err := loadConfig(cli.Config)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	if conf.Vault != "" {
		return vaulted{conf}, nil
	}
	return own{conf}, nil
}

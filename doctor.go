package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"weir/install"
)

type doctorCommand struct {
	installPlace `embed:""`
	Python       string   `type:"path" placeholder:"FILE" help:"Python that runs the server."`
	PID          int      `name:"pid" help:"Process of the running server, to look at how it was started."`
	URL          string   `name:"url" help:"Address of the running server, to attack it."`
	Token        string   `env:"WEIR_DOCTOR_TOKEN" help:"Token of the running server."`
	Root         string   `type:"path" help:"Root directory of the running server; files with a mark lie there during the attack."`
	Secret       []string `type:"path" placeholder:"PATH" help:"What researchers must not read, beside what the configuration in use names; may be repeated."`
}

// Run examines, attacks and reports; what is open and could be closed is an error.
func (c *doctorCommand) Run(ctx context.Context) error {
	o := install.DoctorOptions{PID: c.PID, Secrets: c.Secret}
	o.Options, o.Python = c.options(), c.Python
	var err error
	if o.Binary, err = os.Executable(); err != nil {
		return err
	}
	if conf, err := loadConfig(cli.Config); err == nil && conf.Vault == "" && !conf.synthetic {
		o.Secrets = append(o.Secrets, conf.Repository, conf.Ledger, conf.Key)
	}
	d, err := install.Examine(o)
	if err != nil {
		return exit{exitUsage, err}
	}
	if c.URL != "" {
		live, err := install.Attack(ctx, install.Target{URL: c.URL, Token: c.Token, Root: c.Root})
		if err != nil {
			return err
		}
		d.Checks = append(d.Checks, live.Checks...)
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(d)
	} else {
		err = d.Write(os.Stdout)
	}
	if err == nil && !d.Healthy() {
		err = exit{exitRefused, errors.New("something is open that could be closed")}
	}
	return err
}

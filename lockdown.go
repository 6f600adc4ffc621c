package main

import (
	"fmt"
	"os"
	"path/filepath"

	"weir/install"
)

// lockdown closes a server with a kernel for each configuration.
func (c *installCommand) lockdown() error {
	o := install.LockdownOptions{Options: c.options()}
	var err error
	if o.Binary, err = os.Executable(); err != nil {
		return err
	}
	if o.Python, err = filepath.Abs(c.Python); err != nil || c.Python == "" {
		return exit{exitUsage, fmt.Errorf("name the Python that runs the closed server with --python")}
	}
	files := c.Tier
	if len(files) == 0 {
		files = []string{cli.Config}
	}
	for _, file := range files {
		t, public, err := tierOf(file)
		if err != nil {
			return exit{exitUsage, err}
		}
		o.Tiers = append(o.Tiers, t)
		o.PublicKey = append(o.PublicKey, public...)
	}
	return c.do(install.PlanLockdown(o))
}

// tierOf is the kernel of a configuration, and the key that its outputs are checked with.
func tierOf(file string) (t install.Tier, public []byte, err error) {
	conf, err := loadConfig(file)
	if err != nil {
		return t, nil, err
	}
	public, policy, err := publicOfConfig(conf)
	if err != nil {
		return t, nil, err
	}
	t = install.Tier{
		Name:    "weir-" + string(conf.Tier),
		Display: "weir (Go), " + string(conf.Tier) + " tier",
		Tier:    string(conf.Tier),
		Policy:  policy,
	}
	if file != "" {
		t.Arguments = []string{"--config", file}
	}
	return t, public, nil
}

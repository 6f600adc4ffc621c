package install

import _ "embed"

// VaultUnit is the service of a vault, for systemd.
//
//go:embed weir-vault.service
var VaultUnit string

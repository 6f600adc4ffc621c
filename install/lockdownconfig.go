package install

import (
	"fmt"
	"path/filepath"
	"strings"
)

// contentSecurityPolicy lets pages load from the server alone. JupyterLab needs
// 'unsafe-eval' for the validation of its settings' schemas.
const contentSecurityPolicy = "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self' data:; connect-src 'self'; frame-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

// messageTypes are what a browser may send a kernel.
var messageTypes = []string{
	"kernel_info_request", "execute_request", "complete_request", "inspect_request", "is_complete_request",
	"history_request", "interrupt_request", "shutdown_request", "comm_info_request", "input_reply",
}

// otherExtensions are server extensions that have routes of their own. Routes are
// refused whoever adds them; what is not loaded cannot do anything else either.
var otherExtensions = []string{
	"jupyter_lsp", "jupyter_server_terminals", "notebook_shim", "notebook", "nbclassic", "jupyterlab_git",
	"jupyter_scheduler", "jupyter_collaboration", "jupyter_server_ydoc", "jupyter_server_fileid", "voila", "nbdime", "jupyter_resource_usage",
}

// disabledPlugins are JupyterLab's ways to copy and download, and what needs a
// route that is closed. They are nudges: the server refuses the same.
var disabledPlugins = []string{
	"@jupyterlab/docmanager-extension:download", "@jupyterlab/docmanager-extension:open-browser-tab",
	"@jupyterlab/filebrowser-extension:download", "@jupyterlab/filebrowser-extension:open-browser-tab",
	"@jupyterlab/filebrowser-extension:share-file", "@jupyterlab/filebrowser-extension:open-url",
	"@jupyterlab/notebook-extension:export", "@jupyterlab/notebook-extension:copy-output", "@jupyterlab/notebook-extension:log-output",
	"@jupyterlab/apputils-extension:print", "@jupyterlab/apputils-extension:announcements",
	"@jupyterlab/csvviewer-extension", "@jupyterlab/htmlviewer-extension", "@jupyterlab/pdf-extension", "@jupyterlab/imageviewer-extension",
	"@jupyterlab/javascript-extension", "@jupyterlab/terminal-extension", "@jupyterlab/extensionmanager-extension",
	"@jupyterlab/logconsole-extension", "@jupyterlab/debugger-extension", "@jupyterlab/lsp-extension",
	"@jupyterlab/fileeditor-extension:language-server", "@jupyterlab/notebook-extension:language-server", "@jupyterlab/pluginmanager-extension",
}

func serverExtensions() map[string]bool {
	enabled := map[string]bool{"jupyterlab": true, "weir_lockdown": true}
	for _, name := range otherExtensions {
		enabled[name] = false
	}
	return enabled
}

// serverConfig is of Jupyter Server (jupyter_server.serverapp.ServerApp and its classes).
func (o LockdownOptions) serverConfig(root string) map[string]any {
	app := map[string]any{
		"jpserver_extensions":               serverExtensions(),
		"kernel_spec_manager_class":         "weir_lockdown.kernels.OwnKernels",
		"kernel_manager_class":              "weir_lockdown.kernels.OwnKernelManager",
		"kernel_websocket_connection_class": "weir_lockdown.kernels.JudgedMessages",
		"contents_manager_class":            "weir_lockdown.contents.VerifiedContents",
		"terminals_enabled":                 false,
		"allow_external_kernels":            false,
		"allow_unauthenticated_access":      false,
		"tornado_settings": map[string]any{"headers": map[string]any{
			"Content-Security-Policy":    contentSecurityPolicy,
			"Referrer-Policy":            "same-origin", // the server asks downloads for it
			"Cross-Origin-Opener-Policy": "same-origin",
			"X-Content-Type-Options":     "nosniff",
		}},
	}
	return map[string]any{
		"ServerApp":            app,
		"MappingKernelManager": map[string]any{"buffer_offline_messages": false, "allowed_message_types": messageTypes},
		"MultiKernelManager":   map[string]any{"default_kernel_name": o.Tiers[0].Name},
		"LabApp":               labConfig(root),
	}
}

func labConfig(root string) map[string]any {
	return map[string]any{
		"extension_manager":        "readonly",
		"lock_all_plugins":         true,
		"news_url":                 nil,
		"check_for_updates_class":  "jupyterlab.NeverCheckForUpdate",
		"labextensions_path":       []string{filepath.Join(root, dataDirectory, "labextensions")},
		"extra_labextensions_path": []string{},
		"expose_app_in_browser":    false,
	}
}

func pageConfig() map[string]any {
	disabled := map[string]bool{extensionName: false}
	for _, name := range disabledPlugins {
		disabled[name] = true
	}
	return map[string]any{"disabledExtensions": disabled, "buildCheck": false, "buildAvailable": false}
}

// gatewayConfig is of Jupyter Kernel Gateway, which starts the kernels for servers elsewhere.
func gatewayConfig() map[string]any {
	return map[string]any{
		"KernelGatewayApp": map[string]any{
			"kernel_spec_manager_class":         "weir_lockdown.kernels.OwnKernels",
			"kernel_manager_class":              "weir_lockdown.kernels.OwnKernelManager",
			"kernel_websocket_connection_class": "weir_lockdown.kernels.JudgedMessages",
			"api":                               "kernel_gateway.jupyter_websocket",
			"list_kernels":                      false,
		},
		"MappingKernelManager": map[string]any{"buffer_offline_messages": false, "allowed_message_types": messageTypes},
	}
}

// settings are what the server's module reads.
func (o LockdownOptions) settings(root string) map[string]any {
	tiers := map[string]any{}
	for _, t := range o.Tiers {
		tiers[t.Name] = map[string]any{"tier": t.Tier, "policy": t.Policy, "arguments": append([]string{}, t.Arguments...)}
	}
	return map[string]any{
		"weir":       o.Binary,
		"kernels":    filepath.Join(root, dataDirectory, "kernels"),
		"public_key": filepath.Join(root, publicKeyFile),
		"tiers":      tiers,
	}
}

// launchers are the commands that start servers, each closed by the same files:
// the module that it runs, and what it does before.
var launchers = map[string]struct{ module, before string }{
	"bin/weir-lab": {module: "jupyterlab"},
	// A hub says where its users' files are, and its server stops when the folder is not there.
	"bin/weir-singleuser": {module: "jupyterhub.singleuser", before: `: "${JUPYTERHUB_ROOT_DIR:=$HOME/notebooks}"` + "\n" +
		"case $JUPYTERHUB_ROOT_DIR in '~/'*) JUPYTERHUB_ROOT_DIR=$HOME/${JUPYTERHUB_ROOT_DIR#'~/'} ;; esac\n" +
		"export JUPYTERHUB_ROOT_DIR\n" + `mkdir -p "$JUPYTERHUB_ROOT_DIR"` + "\n"},
	// A gateway without a token lets everybody in.
	"bin/weir-gateway": {module: "kernel_gateway", before: `: "${KG_AUTH_TOKEN:?name the token that those who start kernels have to show}"` + "\n"},
}

// addLaunchers adds the commands. None reads the user's own configuration: a file
// of it can hold Python.
func (o LockdownOptions) addLaunchers(files map[string][]byte, root string) {
	for name, l := range launchers {
		var b strings.Builder
		fmt.Fprintf(&b, "#!/bin/sh\n# Starts %s closed to everything but weir. Written by weir install --lockdown.\nset -eu\n", l.module)
		for _, v := range Environment(root) {
			fmt.Fprintf(&b, "export %s=%s\n", v[0], quoted(v[1]))
		}
		b.WriteString("unset JUPYTER_PREFER_ENV_PATH JUPYTER_NO_CONFIG PYTHONHOME PYTHONSTARTUP || true\n")
		b.WriteString(`: "${JUPYTERLAB_SETTINGS_DIR:=$HOME/.jupyter/lab/user-settings}" "${JUPYTERLAB_WORKSPACES_DIR:=$HOME/.jupyter/lab/workspaces}"` + "\n")
		b.WriteString("export JUPYTERLAB_SETTINGS_DIR JUPYTERLAB_WORKSPACES_DIR\n" + l.before)
		fmt.Fprintf(&b, "exec %s -s -m %s \"$@\"\n", quoted(o.Python), l.module)
		files[name] = []byte(b.String())
	}
}

// Environment is what a process that starts servers has to set for each of them,
// in place of what a user has set.
func Environment(root string) [][2]string {
	return [][2]string{
		{"JUPYTER_CONFIG_DIR", filepath.Join(root, configDirectory)},
		{"JUPYTER_CONFIG_PATH", filepath.Join(root, configDirectory)},
		{"JUPYTER_PATH", filepath.Join(root, dataDirectory)},
		{"PYTHONPATH", filepath.Join(root, pythonDirectory)},
		{"PYTHONNOUSERSITE", "1"},
		{"PYTHONDONTWRITEBYTECODE", "1"},
	}
}

// quoted is a text as sh reads it.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

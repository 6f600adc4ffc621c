package install

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// Target is a running server that is to be attacked.
type Target struct {
	URL   string // Required. With its base, such as "http://127.0.0.1:8888/".
	Token string // Required.

	// Root is the server's root directory, into which files with a mark are put
	// for the time of the attack. Default: "", and attacks that need one are open.
	Root string
}

// attacker sends the requests.
type attacker struct {
	Target
	client  *http.Client
	mark    string   // stands in the files, and nowhere else
	planted *os.Root // the directory of the marked files, nil without Root
	Diagnosis
}

// Attack tries the ways out of a running server with live requests.
func Attack(ctx context.Context, t Target) (Diagnosis, error) {
	t.URL = strings.TrimSuffix(t.URL, "/")
	a := &attacker{Target: t, client: &http.Client{Timeout: 30 * time.Second, CheckRedirect: stay}, mark: "weir-doctor-" + rand.Text()}
	if status, _, _ := a.ask(ctx, "GET", "/api/status", nil); status != http.StatusOK {
		return a.Diagnosis, fmt.Errorf("doctor: %s does not let in who has this token (status %d)", t.URL, status)
	}
	remove, err := a.plant()
	defer remove()
	if err != nil {
		return a.Diagnosis, err
	}
	a.routes(ctx)
	a.files(ctx)
	a.kernels(ctx)
	a.page(ctx)
	return a.Diagnosis, nil
}

// stay keeps the client from following to where somebody logs in.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// ask returns the status and body of an answer, 0 when there is none.
func (a *attacker) ask(ctx context.Context, method, path string, body any) (int, string, http.Header) {
	return a.send(ctx, method, path, body, a.Token)
}

func (a *attacker) send(ctx context.Context, method, path string, body any, token string) (int, string, http.Header) {
	content, err := json.Marshal(body)
	if err != nil {
		return 0, "", nil
	}
	req, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(content))
	if err != nil {
		return 0, "", nil
	}
	if token != "" {
		req.Header.Set("Authorization", "token "+token)
	}
	r, err := a.client.Do(req)
	if err != nil {
		return 0, "", nil
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return 0, "", nil
	}
	return r.StatusCode, string(text), r.Header
}

// plant puts marked files into the root.
func (a *attacker) plant() (remove func(), err error) {
	remove = func() {}
	if a.Root == "" {
		return remove, nil
	}
	// The root may be a researcher's, who could put a link in the way of root.
	root, err := os.OpenRoot(a.Root)
	if err != nil {
		return remove, err
	}
	remove = func() { root.RemoveAll(a.mark); root.Close() }
	if err := root.Mkdir(a.mark, 0o777); err != nil {
		return remove, err
	}
	if a.planted, err = root.OpenRoot(a.mark); err != nil {
		return remove, err
	}
	if err := a.planted.Chmod(".", 0o777); err != nil { // the researcher's server writes here, too
		return remove, err
	}
	notebook := fmt.Sprintf(`{"cells":[{"cell_type":"code","execution_count":1,"id":"a","metadata":{},"source":"","outputs":[{"output_type":"stream","name":"stdout","text":%q}]}],"metadata":{},"nbformat":4,"nbformat_minor":5}`, a.mark)
	for name, text := range map[string]string{"data.csv": "id,value\n" + a.mark + ",1\n", "more.csv": a.mark, "old.ipynb": notebook} {
		if err := errors.Join(a.planted.WriteFile(name, []byte(text), 0o644), a.planted.Chmod(name, 0o666)); err != nil {
			return remove, err
		}
	}
	return remove, nil
}

// refused adds a check of a route that must not answer.
func (a *attacker) refused(ctx context.Context, path, method, route string, body any) {
	status, text, _ := a.ask(ctx, method, route, body)
	if status >= 400 && !strings.Contains(text, a.mark) {
		a.add(path, Enforced, "%s %s is refused (%d)", method, short(route, a.mark), status)
		return
	}
	a.add(path, Open, "%s %s answers %d", method, short(route, a.mark), status)
}

func short(route, mark string) string { return strings.ReplaceAll(route, "/"+mark, "") }

func (a *attacker) routes(ctx context.Context) {
	for _, r := range []struct {
		path, method, route string
		body                any
	}{
		{"kernels: python3", "POST", "/api/kernels", map[string]any{"name": "python3"}},
		{"kernels: python3 by a session", "POST", "/api/sessions", map[string]any{"kernel": map[string]any{"name": "python3"}, "name": "x", "path": "x", "type": "console"}},
		{"kernels: kernel.json to the browser", "GET", "/kernelspecs/weir-registered/kernel.json", nil},
		{"terminals", "POST", "/api/terminals", map[string]any{}},
		{"nbconvert", "POST", "/nbconvert/script", map[string]any{"type": "notebook", "content": map[string]any{"cells": []any{}, "metadata": map[string]any{}, "nbformat": 4, "nbformat_minor": 5}}},
		{"settings: cells to the clipboard", "PUT", "/lab/api/settings/@jupyterlab/notebook-extension:tracker", map[string]any{"raw": `{"useSystemClipboardForCells":true}`}},
		{"extension manager", "POST", "/lab/api/extensions", map[string]any{"cmd": "disable", "extension_name": extensionName}},
		{"plugin manager", "POST", "/lab/api/plugins", map[string]any{"cmd": "enable", "plugin_name": "x"}},
		{"server's configuration", "PUT", "/api/config/notebook", map[string]any{"x": 1}},
		{"server's metrics", "GET", "/metrics", nil},
		{"events", "POST", "/api/events", map[string]any{}},
	} {
		a.refused(ctx, r.path, r.method, r.route, r.body)
	}
	status, _, _ := a.send(ctx, "GET", "/api/contents", nil, "")
	if slices.Contains([]int{http.StatusForbidden, http.StatusUnauthorized, http.StatusFound}, status) { // a hub asks who it is
		a.add("without a token", Enforced, "nobody gets in (%d)", status)
	} else {
		a.add("without a token", Open, "GET /api/contents answers %d", status)
	}
}

func (a *attacker) files(ctx context.Context) {
	if a.Root == "" {
		a.add("files", Open, "not tried: name the server's root directory")
		return
	}
	at := "/" + a.mark
	for path, route := range map[string]string{
		"files: /files":                 "/files" + at + "/data.csv",
		"files: contents":               "/api/contents" + at + "/data.csv?content=1",
		"files: contents as base64":     "/api/contents" + at + "/data.csv?type=file&format=base64",
		"files: contents as a notebook": "/api/contents" + at + "/data.csv?type=notebook",
		"files: a notebook as text":     "/api/contents" + at + "/old.ipynb?type=file&format=text",
		"files: a notebook by /files":   "/files" + at + "/old.ipynb",
		"nbconvert of a notebook":       "/nbconvert/html" + at + "/old.ipynb",
		"files: /view":                  "/view" + at + "/data.csv",
	} {
		a.refused(ctx, path, "GET", route, nil)
	}
	a.withoutMark(ctx, "notebooks: outputs of other kernels", "/api/contents"+at+"/old.ipynb")
	a.hash(ctx, "hash oracle", at+"/data.csv", "data.csv")
	a.hash(ctx, "hash oracle of a notebook", at+"/old.ipynb", "old.ipynb")
	a.ask(ctx, "PATCH", "/api/contents"+at+"/more.csv", map[string]any{"path": a.mark + "/more.ipynb"})
	a.withoutMark(ctx, "rename and read", "/api/contents"+at+"/more.ipynb")
	status, text, _ := a.ask(ctx, "POST", "/api/contents"+at, map[string]any{"copy_from": a.mark + "/data.csv"})
	a.told("copy_from", status, text, status >= 400)
	status, text, _ = a.ask(ctx, "PUT", "/api/contents"+at+"/new.csv", map[string]any{"type": "file", "format": "text", "content": "x"})
	a.told("save as another file", status, text, status >= 400)
}

func (a *attacker) told(path string, status int, text string, refused bool) {
	if refused && !strings.Contains(text, a.mark) {
		a.add(path, Enforced, "it is refused (%d)", status)
		return
	}
	a.add(path, Open, "it answers %d", status)
}

func (a *attacker) withoutMark(ctx context.Context, path, route string) {
	status, text, _ := a.ask(ctx, "GET", route, nil)
	if status == 0 || strings.Contains(text, a.mark) && strings.Contains(strings.ReplaceAll(text, a.mark+"/", ""), `stdout`) || strings.Contains(text, "id,value") || strings.Contains(text, `Notebook does not appear`) {
		a.add(path, Open, "GET %s answers %d with what the file holds", short(route, a.mark), status)
		return
	}
	a.add(path, Enforced, "GET %s answers %d without what the file holds", short(route, a.mark), status)
}

func (a *attacker) hash(ctx context.Context, path, route, file string) {
	content, err := a.planted.ReadFile(file)
	sum := sha256.Sum256(content)
	_, text, _ := a.ask(ctx, "GET", "/api/contents"+route+"?content=0&hash=1", nil)
	if err != nil || strings.Contains(text, hex.EncodeToString(sum[:])) {
		a.add(path, Open, "the server tells the file's SHA-256, which confirms a guess")
		return
	}
	a.add(path, Enforced, "the server does not tell the file's SHA-256")
}

func (a *attacker) kernels(ctx context.Context) {
	_, text, _ := a.ask(ctx, "GET", "/api/kernelspecs", nil)
	var specs struct {
		Default string                     `json:"default"`
		Specs   map[string]json.RawMessage `json:"kernelspecs"`
	}
	if json.Unmarshal([]byte(text), &specs) != nil || len(specs.Specs) == 0 {
		a.add("kernels: list", Open, "the server lists none")
		return
	}
	var others []string
	for name := range specs.Specs {
		if !strings.HasPrefix(name, "weir") {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	if len(others) > 0 {
		a.add("kernels: list", Open, "the server offers %s", strings.Join(others, ", "))
	} else {
		a.add("kernels: list", Enforced, "the server offers weir's alone")
	}
	name := specs.Default
	if _, ok := specs.Specs[name]; !ok {
		return
	}
	status, text, _ := a.ask(ctx, "POST", "/api/kernels", map[string]any{"name": name})
	var kernel struct{ ID string }
	if status != http.StatusCreated || json.Unmarshal([]byte(text), &kernel) != nil {
		a.add("WebSocket", Open, "not tried: %s does not start (%d)", name, status)
		return
	}
	defer a.ask(context.WithoutCancel(ctx), "DELETE", "/api/kernels/"+kernel.ID, nil)
	a.socket(ctx, kernel.ID)
}

// page looks at what the browser gets.
func (a *attacker) page(ctx context.Context) {
	_, text, header := a.ask(ctx, "GET", "/lab", nil)
	if csp := header.Get("Content-Security-Policy"); strings.Contains(csp, "default-src 'self'") && strings.Contains(csp, "connect-src 'self'") {
		a.add("pages that load from elsewhere", Enforced, "the content security policy allows the server alone")
	} else {
		a.add("pages that load from elsewhere", Open, "there is no content security policy")
	}
	var config struct {
		Disabled json.RawMessage `json:"disabledExtensions"`
	}
	_, after, _ := strings.Cut(text, `<script id="jupyter-config-data" type="application/json">`)
	script, _, _ := strings.Cut(after, "</script>")
	_ = json.Unmarshal([]byte(script), &config) // a page without it offers everything, and is said to
	var offered []string
	for _, plugin := range disabledPlugins {
		if !strings.Contains(string(config.Disabled), plugin) || strings.Contains(string(config.Disabled), fmt.Sprintf("%q: false", plugin)) {
			offered = append(offered, plugin)
		}
	}
	if len(offered) == 0 {
		a.add("menus: download, export, copy, print", Nudge, "the user interface does not offer them; a browser has what it shows")
	} else {
		a.add("menus: download, export, copy, print", Open, "the user interface offers %s", strings.Join(offered, ", "))
	}
}

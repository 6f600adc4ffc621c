"""Routes: those that are open, those that JupyterLab asks and that answer nothing,
and the release gate. Every other route is refused, whoever added it."""

import asyncio
import json
import os
import re

import json5
from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from jupyterlab_server.settings_handler import SettingsHandler
from tornado.routing import Matcher, Rule
from tornado.web import HTTPError, RequestHandler, authenticated

from .judge import SETTINGS

READ, WRITE = ("GET", "HEAD", "OPTIONS"), ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

# Patterns match whole paths below the server's base.
OPEN = [
    (READ, r"/|/api/?|/api/(me|status|kernelspecs|kernelspecs/[^/]+|resolvePath)|/login|/oauth_callback|/favicon\.ico|/robots\.txt"),
    (WRITE, r"/login|/logout|/api/shutdown|/api/security/csp-report"),
    (READ, r"/lab(/(tree|workspaces|doc)(/.*)?)?|/lab/?|/(static|lab/extensions|lab/api/themes|lab/api/translations|lab/api/licenses)(/.*)?"),
    (WRITE, r"/lab/api/(settings|workspaces)(/.*)?"),
    (READ, r"/kernelspecs/[^/]+/logo[^/]*\.(png|svg)"),
    (READ, r"/files/.+"),
    (WRITE, r"/api/contents(?!.*/trust$)(/.*)?"),
    (WRITE, r"/api/(kernels|sessions)(/[^/]+(/(interrupt|restart))?)?"),
    (READ, r"/api/kernels/[^/]+/channels"),
    (READ, r"/api/events/subscribe"),
    (WRITE, r"/weir/(about|release)"),
]

# What JupyterLab asks when it starts; without an answer it reports errors.
EMPTY = {
    "/api/nbconvert": {},
    "/api/terminals": [],
    "/lab/api/build": {"status": "stable", "message": ""},
    "/lab/api/extensions": [],
    "/lab/api/news": {"news": []},
    "/lab/api/update": {"notification": None},
    "/lab/api/plugins": {"allLocked": True, "lockRules": []},
    "/lsp/status": {"version": 2, "sessions": {}, "specs": {}},
}

# Settings that would let a browser take more than it is shown.
FIXED_SETTINGS = ("useSystemClipboardForCells",)


class Closed(Matcher):
    """Matches what is not open."""

    def __init__(self, base):
        self.base = base.rstrip("/")

    def match(self, request):
        path = request.path
        if not path.startswith(self.base + "/") and path != self.base:
            return {}
        path = path[len(self.base):] or "/"
        if request.method in READ and path in EMPTY:
            return None
        for methods, pattern in OPEN:
            if request.method in methods and re.fullmatch(pattern, path):
                return None
        return {}


class Refused(RequestHandler):
    """Answers what is closed, to everybody the same."""

    def check_xsrf_cookie(self):
        pass  # what is refused to everybody needs none

    def prepare(self):
        self.set_status(403)
        self.finish({"message": "This server is closed to that: it works with weir's notebooks only.", "reason": None})


def fixes(body):
    """Whether settings would change one that is fixed, or cannot be read."""
    try:
        text = json.loads(body)["raw"]
        chosen = json5.loads(text) if text.strip() else {}
    except Exception:  # of whatever kind: the text is anybody's
        return True
    return not isinstance(chosen, dict) or any(chosen.get(name) for name in FIXED_SETTINGS)


def keep_settings():
    """JupyterLab saves settings, but for those that are fixed. Its handler decides
    by the body, which a route does not know yet."""
    save = SettingsHandler.put

    async def put(self, schema_name):
        if fixes(self.request.body):
            raise HTTPError(403, "This setting is fixed: it would take outputs out of the notebook.")
        return await ensure_async(save(self, schema_name))

    SettingsHandler.put = authenticated(put)


class Empty(APIHandler):
    def initialize(self, answer):
        self.answer = answer

    @authenticated
    async def get(self):
        self.finish(json.dumps(self.answer))


class About(APIHandler):
    @authenticated
    async def get(self):
        self.finish({"kernels": SETTINGS["tiers"]})


class Release(APIHandler):
    """Releases a saved notebook, or a cell of it, into the folder "released" beside it."""

    @authenticated
    async def post(self):
        asked = self.get_json_body() or {}
        path, ending = str(asked.get("path", "")).strip("/"), str(asked.get("format", ""))
        cell, output = asked.get("cell", 0), asked.get("output", 0)
        if not re.fullmatch(r"ipynb|html|md|csv|png", ending) or type(cell) is not int or type(output) is not int or not path.endswith(".ipynb"):
            raise HTTPError(400, "Name a notebook, a format and, if only one is meant, a cell.")
        contents = self.contents_manager
        if await ensure_async(contents.is_hidden(path)) or not await ensure_async(contents.file_exists(path)):
            raise HTTPError(404, "There is no such notebook.")
        source = contents._get_os_path(path)
        stem = os.path.basename(path)[: -len(".ipynb")] + (f"-cell-{cell}" if cell else "") + (f"-{output}" if output else "")
        folder = os.path.join(os.path.dirname(source), "released")
        os.makedirs(folder, exist_ok=True)
        target = os.path.join(folder, f"{stem}.{ending}")
        await self._run(source, target, cell, output)
        self.finish({"path": url_path_join(os.path.dirname(path), "released", f"{stem}.{ending}").strip("/")})

    async def _run(self, source, target, cell, output):
        command = [SETTINGS["weir"], *self._config(source), "release", source, "-o", target]
        command += ["--cell", str(cell)] if cell else []
        command += ["--output-number", str(output)] if output else []
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
        _, errors = await process.communicate()
        if process.returncode != 0:
            raise HTTPError(403, "Not released: " + errors.decode("utf-8", "replace").strip()[-2000:])

    def _config(self, source):
        """The configuration of the kernel that the notebook names."""
        name = None
        try:
            with open(source, encoding="utf-8") as f:
                name = json.load(f)["metadata"]["kernelspec"]["name"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        tiers = SETTINGS["tiers"]
        return tiers[name if name in tiers else sorted(tiers)[0]]["arguments"]


def close(serverapp):
    """Puts the routes in front of all others."""
    keep_settings()
    base = serverapp.base_url
    routes = [(url_path_join(base, path), Empty, {"answer": answer}) for path, answer in EMPTY.items()]
    routes += [(url_path_join(base, "/weir/about"), About), (url_path_join(base, "/weir/release"), Release)]
    web = serverapp.web_app
    rules = web.default_router.rules
    web.add_handlers(".*$", routes)
    rules.insert(0, rules.pop(-2))  # add_handlers puts them before the last
    rules.insert(0, Rule(Closed(base), Refused))

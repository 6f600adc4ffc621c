"""Files: notebooks, scrubbed as they are opened, and what the release gate made."""

import base64
import contextlib
import hashlib
import json
import os

import nbformat
from jupyter_server.auth.decorator import authorized
from jupyter_server.files.handlers import FilesHandler
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError, authenticated

from .judge import judge

ONLY_NOTEBOOKS = "This server keeps notebooks only."


def is_notebook(path):
    return path.endswith(".ipynb")


class ReleasedFiles(FilesHandler):
    """Hands out what the release gate made, as a download and nothing else."""

    @authenticated
    @authorized
    async def get(self, path, include_body=True):
        self.set_attachment_header(os.path.basename(path))
        await super().get(path, include_body)


class VerifiedContents(AsyncLargeFileManager):
    """Opens notebooks without what is not verified, and refuses other files."""

    allow_hidden = False

    def _files_handler_class_default(self):
        return ReleasedFiles

    async def get(self, path, content=True, type=None, format=None, require_hash=False):
        path = path.strip("/")
        if await self.dir_exists(path):
            model = await super().get(path, content=content, type=type, format=format)
            if content:
                model["content"] = [m for m in model["content"] if self._listed(m)]
            return model
        if not await self.file_exists(path):
            raise HTTPError(404, "There is no such file.")
        if type == "directory":
            raise HTTPError(400, "It is not a directory.", reason="bad type")
        if is_notebook(path) and type in (None, "notebook"):
            return await self._notebook(path, content, require_hash)
        if type == "notebook":
            raise HTTPError(403, "It is not a notebook.")
        model = await super().get(path, content=False, type="file")
        model["size"] = None  # nothing of a file is told but its name and time
        if content or require_hash:
            self._fill(model, self._released(path), content, format, require_hash)
        return model

    def _listed(self, model):
        if model["type"] != "file":
            return True
        return os.path.isfile(self._slip(model["path"]))

    def _slip(self, path):
        folder, name = os.path.split(self._get_os_path(path))
        return os.path.join(folder, f".{name}.released")

    def _released(self, path):
        """The octets of a file that may be downloaded."""
        slip = ""
        with contextlib.suppress(OSError, UnicodeDecodeError), open(self._slip(path), encoding="utf-8") as f:
            slip = f.read(1 << 16)
        octets = b""
        if slip:
            with open(self._get_os_path(path), "rb") as f:
                octets = f.read()
        answer = judge.ask(ask="file", content=base64.b64encode(octets).decode(), slip=slip)
        if not answer["ok"]:
            raise HTTPError(403, "Not downloaded: " + answer["why"] + ".")
        return octets

    def _fill(self, model, octets, content, format, require_hash):
        if content:
            model["format"] = format or "base64"
            model["content"] = octets.decode() if format == "text" else base64.b64encode(octets).decode()
            model["mimetype"] = model["mimetype"] or "application/octet-stream"
        if require_hash:
            self._hash(model, octets)

    def _hash(self, model, octets):
        model["hash"] = hashlib.new(self.hash_algorithm, octets).hexdigest()
        model["hash_algorithm"] = self.hash_algorithm

    async def _notebook(self, path, content, require_hash):
        model = await AsyncLargeFileManager._notebook_model(self, path, content=False)
        if not content and not require_hash:
            return model
        with open(self._get_os_path(path), "rb") as f:
            octets = f.read()
        if not octets:
            octets = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
        answer = judge.ask(ask="open", notebook=octets.decode("utf-8", "replace"))
        if not answer["ok"]:
            raise HTTPError(403, "Not opened: " + answer["why"] + ".")
        if answer.get("removed"):
            self._keep(path, octets)
        if content:
            notebook = nbformat.reads(answer["notebook"], as_version=4)
            for cell in notebook.cells:  # what is left is verified, or text
                if cell.cell_type == "code":
                    cell.metadata["trusted"] = True
            model["content"] = notebook
            model["format"] = "json"
            self.validate_notebook_model(model)
        if require_hash:
            self._hash(model, answer["notebook"].encode())
        return model

    def _keep(self, path, octets):
        """Keeps the original where no browser can read it: saving writes what was opened."""
        folder = os.path.join(os.path.dirname(self._get_os_path(path)), ".weir-originals")
        kept = os.path.join(folder, hashlib.sha256(octets).hexdigest() + ".ipynb")
        if not os.path.exists(kept):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            with open(kept, "xb") as f:
                f.write(octets)

    async def save(self, model, path=""):
        path = path.strip("/")
        if model.get("type") == "directory":
            return await super().save(model, path)
        if model.get("type") != "notebook" or not is_notebook(path) or "chunk" in model:
            raise HTTPError(403, ONLY_NOTEBOOKS)
        self._not_released(path)
        if "content" not in model:
            raise HTTPError(400, "There is no content to save.")
        try:
            # An older format is judged as it is written: as 4.5.
            notebook = nbformat.v4.upgrade(nbformat.from_dict(model["content"]))
            text = nbformat.writes(notebook, version=4)
        except Exception:  # of whatever kind: the content is anybody's
            raise HTTPError(400, "It is no notebook.") from None
        answer = judge.ask(ask="save", notebook=text)
        if not answer["ok"]:
            raise HTTPError(403, "Not saved: " + answer["why"] + ".")
        model["content"] = notebook
        return await super().save(model, path)

    def _not_released(self, path):
        if os.path.isfile(self._slip(path)):
            raise HTTPError(403, "It was released and does not change: release it under another name.")

    async def rename_file(self, old_path, new_path):
        folder = await self.dir_exists(old_path)
        if not folder and os.path.splitext(old_path)[1] != os.path.splitext(new_path)[1]:
            raise HTTPError(403, "The ending of a file's name stays as it is.")
        if not folder:
            self._not_released(old_path)
        await super().rename_file(old_path, new_path)

    async def copy(self, from_path, to_path=None):
        from_path = from_path.strip("/")
        if not await self.dir_exists(from_path) and not is_notebook(from_path):
            raise HTTPError(403, ONLY_NOTEBOOKS)
        return await super().copy(from_path, to_path)

    async def new_untitled(self, path="", type="", ext=""):
        if type == "file" or ext not in ("", ".ipynb"):
            raise HTTPError(403, ONLY_NOTEBOOKS)
        return await super().new_untitled(path, type, ext)

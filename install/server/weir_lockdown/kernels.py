"""Kernels: only those of one directory, and only messages that carry what may pass."""

import json
import os

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError

from .judge import SETTINGS, judge


class Refused(HTTPError, NoSuchKernel):
    """Refuses a kernel so that the server answers 403 and those who look for a
    missing kernel find none."""

    def __init__(self, name):
        self.name = name
        HTTPError.__init__(self, 403, "This server starts no other kernels than weir's.")


class OwnKernels(KernelSpecManager):
    """Knows the kernels of one directory. allowed_kernelspecs only filters
    listings; this refuses, and no user's directory shadows it."""

    ensure_native_kernel = False

    def _kernel_dirs_default(self):
        return [SETTINGS["kernels"]]

    def find_kernel_specs(self):
        names = [n for n in os.listdir(SETTINGS["kernels"]) if os.path.isfile(os.path.join(SETTINGS["kernels"], n, "kernel.json"))]
        return {n: os.path.join(SETTINGS["kernels"], n) for n in sorted(names)}

    def get_kernel_spec(self, kernel_name):
        if kernel_name not in self.find_kernel_specs():
            raise Refused(kernel_name)
        return self.kernel_spec_class.from_resource_dir(os.path.join(SETTINGS["kernels"], kernel_name))


class OwnKernelManager(AsyncMappingKernelManager):
    """Starts kernels with nothing of a request but its name and folder."""

    async def _async_start_kernel(self, *, kernel_id=None, path=None, **kwargs):
        name = kwargs.get("kernel_name") or self.default_kernel_name
        self.kernel_spec_manager.get_kernel_spec(name)
        for option in set(kwargs) - {"kernel_name", "env"}:
            kwargs.pop(option)
        env = kwargs.get("env") or {}
        kwargs["env"] = {**os.environ, **{k: env[k] for k in ("JPY_SESSION_NAME",) if k in env}}
        return await super()._async_start_kernel(kernel_id=kernel_id, path=path, **kwargs)

    start_kernel = _async_start_kernel


class JudgedMessages(ZMQChannelsWebsocketConnection):
    """Passes on what the judge lets pass. Instead of an output it drops it says so."""

    def handle_outgoing_message(self, stream, outgoing_msg):
        _, parts = self.session.feed_identities(list(outgoing_msg))
        why = self._refused(parts)
        if why is None:
            super().handle_outgoing_message(stream, outgoing_msg)
            return
        self.log.warning("A message of a kernel was not passed on: %s", why)
        try:
            self.write_stderr("[weir] An output is not shown: " + why + ".\n", json.loads(parts[2]))
        except (IndexError, ValueError):
            pass

    def _refused(self, parts):
        try:
            kind = json.loads(parts[1])["msg_type"]
            content = json.loads(parts[4])
        except (IndexError, KeyError, TypeError, ValueError):
            return "it is no message"
        if len(parts) > 5:
            return "it carries buffers"
        answer = judge.ask(ask="message", kind=kind, content=content)
        return None if answer["ok"] else answer["why"]

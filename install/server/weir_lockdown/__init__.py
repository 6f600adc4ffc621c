"""Closes a Jupyter server to everything but weir.

The configuration that `weir install --lockdown` writes names the classes of this
package. What may pass is decided by `weir judge`, a process of its own that knows
the public key; where it cannot be asked, nothing passes.

Call first: nothing. Jupyter Server loads the extension and the classes by their
names. The package refuses every route that is not in routes.OPEN, every kernel
that is not in its own directory, every file that the release gate did not make,
and every message of a kernel that carries what the guard did not sign.
"""

from .routes import close


def _jupyter_server_extension_points():
    return [{"module": "weir_lockdown"}]


def _load_jupyter_server_extension(serverapp):
    close(serverapp)

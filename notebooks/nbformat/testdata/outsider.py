"""Writes and checks notebooks with Jupyter's own nbformat, for nbformat_test.

outsider.py write DIR            notebooks that nbformat has written, as DIR/N.ipynb,
                                 and as they were found, as DIR/N.found
outsider.py compare DIR          DIR/N.found against DIR/N.ours, which weir wrote of it
"""

import json
import pathlib
import site
import sys
import warnings

import nbformat
from nbformat import v4


def strange():
    """A notebook with every kind of cell and output, and much odd text."""
    text = "".join(f"<{chr(c)}>" for c in [*range(0x20, 0x7F), 0x7F, 0x80, 0xAD, 0xFEFF, 0xFFFD, 0x1F600])
    breaks = "".join(f"line {c}{chr(c)}" for c in [*range(0x0, 0x20), 0x85, 0x2028, 0x2029]) + "\r\n\n\r\r\nend"
    data = {
        "text/plain": breaks,
        "text/html": text,
        "image/svg+xml": "<svg>\n</svg>",
        "image/png": "aGVsbG8K\nd29ybGQK\n",
        "application/javascript": "a\nb",
        "application/pdf": "a\nb",
        "application/json": [1, 2.5, 1e300, -0.0, None, True, {"é": "a\nb", "": [], "a": {}}],
        "application/vnd.vegalite.v5+json": {"data": {"values": ["a\nb"]}},
    }
    meta = {"é": {"z": 1, "a": [[], {}, ""]}, "tags": ["a", "b"], "Z": 10**30, "z": 0.1}
    code = v4.new_code_cell(
        breaks,
        execution_count=7,
        metadata=meta,
        outputs=[
            v4.new_output("stream", name="stdout", text=breaks),
            v4.new_output("stream", name="stderr", text=""),
            v4.new_output("display_data", data=data, metadata=meta),
            v4.new_output("execute_result", data=data, execution_count=7),
            v4.new_output("execute_result", data={}, execution_count=None),
            v4.new_output("error", ename="E", evalue=breaks, traceback=["\x1b[31ma\n", ""]),
        ],
    )
    markdown = v4.new_markdown_cell(text, attachments={"a.svg": {"image/svg+xml": "<svg>\n</svg>"}})
    return v4.new_notebook(
        cells=[code, markdown, v4.new_raw_cell("", metadata={"format": "x"}), v4.new_code_cell("")],
        metadata={"kernelspec": {"name": "weir", "display_name": "weir (Go)"}, "a": meta},
    )


def older(minor):
    """A notebook as an earlier 4.x wrote it."""
    nb = strange()
    for cell in nb.cells:
        del cell["id"]
    nb.nbformat_minor = minor
    return nb


def found():
    """The notebooks that came with the installed packages, and our own."""
    yield strange()
    for minor in range(5):
        yield older(minor)
    for directory in site.getsitepackages():
        for path in sorted(pathlib.Path(directory).rglob("*.ipynb")):
            try:
                nb = json.loads(path.read_text("utf-8"))
                node = nbformat.from_dict(nb)
                nbformat.validate(node)
            except Exception:
                continue  # not even Jupyter takes it
            if node.nbformat == 4:
                yield node


def strict(nb):
    """Validates as 4.5 with nothing tolerated or repaired."""
    warnings.simplefilter("error")
    nbformat.validate(nb, version=4, version_minor=5, relax_add_props=False)


def write(directory):
    for i, nb in enumerate(found()):
        (directory / f"{i}.found").write_text(v4.writes(nb, split_lines=i % 2 == 0), "utf-8")
        upgraded = v4.upgrade(nb)
        strict(upgraded)
        nbformat.write(upgraded, directory / f"{i}.ipynb")


def without_ids(nb):
    for cell in nb.cells:
        cell.pop("id", None)
    nb.pop("nbformat_minor")
    nb.metadata.pop("orig_nbformat_minor", None)
    return nb


def compare(directory):
    for ours in sorted(directory.glob("*.ours")):
        nb = json.loads(ours.read_text("utf-8"))
        strict(nb)
        mine = without_ids(nbformat.read(ours, as_version=nbformat.NO_CONVERT))
        theirs = without_ids(nbformat.read(ours.with_suffix(".found"), as_version=nbformat.NO_CONVERT))
        if mine != theirs:
            sys.exit(f"{ours} differs from what it was written of")
        print(ours)


{"write": write, "compare": compare}[sys.argv[1]](pathlib.Path(sys.argv[2]))

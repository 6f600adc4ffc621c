"""What Jupyter's own tools make of the same things, for outsider_test.

outsider.py validate DIR   validates DIR/*.ipynb as nbformat 4.5, and lets papermill
                           prepare each once more
outsider.py replay DIR     lets nbclient run a notebook; writes DIR/nbclient.ipynb and
                           the messages of each cell, DIR/messages.json
"""

import json
import pathlib
import sys
import warnings

import nbformat
from nbformat import v4


def validate(directory):
    import papermill

    warnings.simplefilter("error", nbformat.warnings.MissingIDFieldWarning)
    for path in sorted(directory.glob("*.ipynb")):
        nb = json.loads(path.read_text("utf-8"))
        nbformat.validate(nb, version=4, version_minor=5, relax_add_props=False)
        given = nb["metadata"]["papermill"]["parameters"]
        prepared = directory / (path.stem + ".prepared")
        papermill.execute_notebook(path, prepared, prepare_only=True, kernel_name="python3", language="python")
        again = nbformat.read(prepared, as_version=4)
        if again.metadata.papermill["parameters"] != given:
            sys.exit(f"papermill reads other parameters in {path}")
        print(path)


CELLS = [
    "print('a'); print('b'); import sys; print('x', file=sys.stderr, flush=True); print('c')",
    "for i in range(20): print(f'{i}%\\r', end='', flush=True)\nprint('done\\r\\nend\\r')",
    "from IPython.display import clear_output, display\nh = display({'n': 1}, display_id='one'); display('two', display_id='two')",
    "display('again', display_id='two'); print('between'); {'a': [1.5, None]}",
    "h.update({'n': 2}); display('moved', display_id='two', update=True); print('after')",
    "print('old'); display('gone', display_id='three'); clear_output(); print('new')",
    "display('never', display_id='three', update=True); print('old'); clear_output(wait=True); print('new')",
    "print('stays'); clear_output(wait=True)",
    "print('before'); 1/0",
    "display({'application/json': {'b': [1, 2.0], 'a': None}, 'text/html': '<b>\\n</b>'}, raw=True, metadata={'x': {'y': 1}})",
]


def replay(directory):
    from nbclient import NotebookClient

    messages = [[] for _ in CELLS]

    class Recorder(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] not in {"status", "execute_input"}:
                messages[cell_index].append({"type": msg["msg_type"], "content": msg["content"]})
            return super().process_message(msg, cell, cell_index)

    nb = v4.new_notebook(cells=[v4.new_code_cell(source) for source in CELLS])
    Recorder(nb, kernel_name="python3", allow_errors=True, coalesce_streams=True).execute()
    nb.metadata.clear()
    nbformat.write(nb, directory / "nbclient.ipynb")
    (directory / "messages.json").write_text(json.dumps(messages), "utf-8")


{"validate": validate, "replay": replay}[sys.argv[1]](pathlib.Path(sys.argv[2]))

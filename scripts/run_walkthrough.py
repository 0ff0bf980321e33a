"""Run examples/walkthrough.ipynb from top to bottom, in an empty folder, and store what its cells show.

It keeps PNG pictures and texts, and leaves out Pillow's second copy of each picture, times and versions.

python scripts/run_walkthrough.py [NOTEBOOK] [-o NOTEBOOK]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from amortized_sr.image_io import replacing

_NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "walkthrough.ipynb"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", nargs="?", type=Path, default=_NOTEBOOK, metavar="NOTEBOOK")
    parser.add_argument("-o", "--output", type=Path, help="default: the notebook itself")
    arguments = parser.parse_args()
    output = arguments.output or arguments.notebook
    notebook = nbformat.read(arguments.notebook, as_version=4)
    start = time.monotonic()
    # An empty folder, as a hosted notebook has: the notebook must not need the files beside it.
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=1800,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            store_widget_state=False,
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except CellExecutionError as error:
            sys.exit(f"error: {arguments.notebook}: a cell failed, so nothing was written:\n{error}")
    for cell in notebook.cells:
        for shown in cell.get("outputs", ()):
            shown.get("data", {}).pop("image/jpeg", None)
    # The kernel adds its version of Python, which would change with every machine.
    notebook.metadata.language_info = {"name": "python"}
    with replacing(output) as file:
        file.write((nbformat.writes(notebook) + "\n").encode())
    print(f"wrote {output}, {output.stat().st_size:,} bytes, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

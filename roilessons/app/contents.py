"""How Jupyter's server gives a notebook: a widget whose kernel has ended is left out, so that its picture is seen.

There JupyterLab would say "Error displaying widget: model not found" in place of the picture stored beside the widget. This
is an extension of the server, which a wheel enables wherever it is installed, for any widget with a picture beside it. The file stays as
it is until the page saves or duplicates the notebook: then the picture alone is kept. Where a kernel was started again and the page
is loaded anew, JupyterLab's sentence is still seen.
"""

from inspect import iscoroutinefunction

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def _jupyter_server_extension_points():
    return [{"module": __name__}]


def _load_jupyter_server_extension(server):
    """Let the server's manager of files, whichever it is, leave out such widgets."""
    manager = server.contents_manager
    get, sessions = manager.get, server.session_manager
    if not iscoroutinefunction(get):  # of an older kind, which does not wait for others
        return

    async def get_with_pictures(path, content=True, *arguments, **options):
        model = await get(path, content, *arguments, **options)
        if content and model["type"] == "notebook" and all(one["path"] != model["path"] for one in await sessions.list_sessions()):
            leave_out_widgets(model["content"])
        return model

    manager.get = get_with_pictures


def leave_out_widgets(notebook):
    """Take widgets from the outputs that show a picture beside them, unless the notebook has what these widgets are made of."""
    if "widgets" in notebook["metadata"]:
        return
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output["data"].pop(WIDGET_VIEW, None)

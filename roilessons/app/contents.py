"""How JupyterLab reads notebooks: a widget whose kernel has ended is left out, so that its picture is seen."""

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Lessons(AsyncLargeFileManager):
    """Jupyter's own manager of files, but for what it gives of a notebook without a running kernel.

    There JupyterLab would say "Error displaying widget: model not found" in place of the picture stored beside the widget.
    The file stays as it is.
    """

    async def get(self, path, content=True, *arguments, **options):
        model = await super().get(path, content, *arguments, **options)
        if content and model["type"] == "notebook" and not await self._has_kernel(model["path"]):
            leave_out_widgets(model["content"])
        return model

    async def _has_kernel(self, path):
        sessions = getattr(self.parent, "session_manager", None)
        return sessions is not None and any(session["path"] == path for session in await sessions.list_sessions())


def leave_out_widgets(notebook):
    """Take widgets from the outputs of a notebook that show something else beside them."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if len(data) > 1:
                data.pop(WIDGET_VIEW, None)

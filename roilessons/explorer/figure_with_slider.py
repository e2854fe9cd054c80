"""A figure that follows a slider."""

from base64 import b64encode
from functools import partial

import ipywidgets
import matplotlib.pyplot as plt

from roilessons import figures
from roilessons.explorer.reruns import close_all, close_when_rerun


class FigureWithSlider(ipywidgets.VBox):
    """A slider and, below it, the figure that belongs to its value.

    Parameters
    ----------
    slider : ipywidgets slider
        Set its `value` from code or by hand: the figure and `description` follow.
    draw : function
        From the slider's value to (figure, description). The figure is closed once it is drawn.
    """

    def __init__(self, slider, draw):
        self.slider, self._draw, self._figure = slider, draw, ipywidgets.HTML(layout={"max_width": "100%"})
        slider.observe(self._follow, "value")
        self._follow()
        super().__init__([slider, self._figure])
        close_when_rerun(partial(close_all, self))

    def _follow(self, _change=None):
        figure, self.description = self._draw(self.slider.value)
        self._png = figures.png(figure)
        plt.close(figure)
        picture = figures.html(self._png, self.description).replace("<img ", '<img style="max-width:100%" ', 1)
        self._figure.value = f'<div style="overflow-x:auto;line-height:1.5">{picture}</div>'  # a widget's own lines stand far apart

    def _repr_mimebundle_(self, **kwargs):
        """The live widget, and for pages without a kernel the same as a picture and as text."""
        still = {"text/plain": self.description, "text/html": self._figure.value, "image/png": b64encode(self._png).decode()}
        return super()._repr_mimebundle_(**kwargs) | still

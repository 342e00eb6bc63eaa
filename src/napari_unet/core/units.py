"""Units of length by their many names."""

from __future__ import annotations

MICROMETERS = {
    **dict.fromkeys(["µm", "μm", "um", "micron", "microns", "micrometer", "micrometre"], 1.0),
    **dict.fromkeys(["micrometers", "micrometres", "\\u00b5m"], 1.0),
    **dict.fromkeys(["pm", "picometer", "picometre"], 1e-6),
    **dict.fromkeys(["å", "angstrom", "ångström"], 1e-4),
    **dict.fromkeys(["nm", "nanometer", "nanometre", "nanometers", "nanometres"], 1e-3),
    **dict.fromkeys(["mm", "millimeter", "millimetre", "millimeters", "millimetres"], 1e3),
    **dict.fromkeys(["cm", "centimeter", "centimetre", "centimeters", "centimetres"], 1e4),
    **dict.fromkeys(["in", "inch", "inches"], 25400.0),
    **dict.fromkeys(["m", "meter", "metre", "meters", "metres"], 1e6),
}
"""Length of a unit in micrometers, by its name in lower case."""

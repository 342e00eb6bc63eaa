"""The napari plugin: forms that hold no rules.

May import `services` and `core`; only `plugin` knows all panels.
"""

from napari_unet.services.system.requirements import check_version

# before anything is imported that an older napari lacks: that would end in a traceback
check_version("napari")

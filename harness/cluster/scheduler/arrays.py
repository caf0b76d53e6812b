"""numpy, as `np`, loaded when the first array is made and not with the scheduler's modules.

Loading it takes longer (50 ms and more) than all else that a cluster without nodes does until its first answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Numpy:
        """Stands for the module. What was looked up stays, so a second look costs what it costs at the module itself."""

        def __getattr__(self, name: str) -> Any:
            import numpy  # see above

            found = getattr(numpy, name)
            setattr(self, name, found)
            return found

    np = _Numpy()

__all__ = ["np"]
